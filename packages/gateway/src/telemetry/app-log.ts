import type { Log } from '../pipeline/step.ts';
import type { LogFormat } from './access-log.ts';
import type { LogLevel, LogLevels } from './levels.ts';
import { REDACTED, redact } from './redact.ts';
import { fixedNumber, jsonString, lineSafeJson, plainString, timestamp } from './text.ts';

/** Where whole lines go. */
export interface LineSink {
  /** Takes one line, its newline included. */
  write(line: string): void;
}

type Fields = Readonly<Record<string, unknown>>;

/** Fields that say which connection and request a line is about: they stand before all others (spec 10 §3.1). */
const leadingFields = ['connection.id', 'request.id'] as const;

/** Writes the application lines of spec 10 §3.1. Fields that are marked secret, or named like a credential, are not shown. */
export class AppLog implements Log {
  readonly #format: LogFormat;
  readonly #levels: LogLevels;
  readonly #sink: LineSink;
  readonly #epoch: () => number;

  /** `epoch` gives milliseconds since 1970. */
  constructor(format: LogFormat, levels: LogLevels, sink: LineSink, epoch: () => number) {
    this.#format = format;
    this.#levels = levels;
    this.#sink = sink;
    this.#epoch = epoch;
  }

  error(scope: string, message: string, fields?: Fields): void {
    this.#write('error', scope, message, fields);
  }

  warn(scope: string, message: string, fields?: Fields): void {
    this.#write('warn', scope, message, fields);
  }

  info(scope: string, message: string, fields?: Fields): void {
    this.#write('info', scope, message, fields);
  }

  debug(scope: string, message: string, fields?: Fields): void {
    this.#write('debug', scope, message, fields);
  }

  trace(scope: string, message: string, fields?: Fields): void {
    this.#write('trace', scope, message, fields);
  }

  #write(level: Exclude<LogLevel, 'off'>, scope: string, message: string, fields: Fields = {}): void {
    if (!this.#levels.enabled(scope, level)) return;
    const line = this.#format === 'json' ? jsonLine : textLine;
    this.#sink.write(line(timestamp(this.#epoch()), level, scope, message, ordered(fields)));
  }
}

function jsonLine(time: string, level: string, scope: string, message: string, fields: readonly Field[]): string {
  let line = `{"level":"${level}","time":"${time}","scope":${jsonString(scope)}`;
  const text = `,"message":${jsonString(message)}`;
  let told = false;
  for (const [name, value] of fields) {
    if (!told && !isLeading(name)) {
      line += text;
      told = true;
    }
    // A field must not overwrite what every line says of itself.
    if (reserved.has(name)) continue;
    line += `,${jsonString(name)}:${json(value)}`;
  }
  return `${told ? line : line + text}}\n`;
}

function textLine(time: string, level: string, scope: string, message: string, fields: readonly Field[]): string {
  const body = fields.map(([name, value]) => `${plainString(name)}=${plain(value)}`).join(' ');
  return `${time}\t${level}\t${oneLine(scope)}\t${oneLine(message)}${body === '' ? '' : `\t${body}`}\n`;
}

const reserved: ReadonlySet<string> = new Set(['level', 'time', 'scope', 'message']);

type Field = readonly [name: string, value: unknown];

function ordered(fields: Fields): readonly Field[] {
  const present = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]): Field => [name, safe(name, value)]);
  const leading = leadingFields.flatMap((name) => present.filter(([other]) => other === name));
  return leading.length === 0 ? present : [...leading, ...present.filter(([name]) => !isLeading(name))];
}

function safe(name: string, value: unknown): unknown {
  const redacted = redact({ [name]: value });
  return typeof redacted === 'object' && redacted !== null ? (redacted as Fields)[name] : REDACTED;
}

function isLeading(name: string): boolean {
  return (leadingFields as readonly string[]).includes(name);
}

function json(value: unknown): string {
  if (typeof value === 'string') return jsonString(value);
  if (typeof value === 'number') return fixedNumber(value);
  return JSON.stringify(value) ?? jsonString(String(value));
}

function plain(value: unknown): string {
  return typeof value === 'string' ? plainString(value) : json(value);
}

/** Text without line breaks and tabs: the format's own separators. */
function oneLine(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, (found) => lineSafeJson(found).slice(1, -1));
}
