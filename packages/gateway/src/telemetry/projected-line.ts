import type { AccessFormatOptions, LogFormat } from './access-log.ts';
import type { ProjectedFormat } from './access-log-plan.ts';
import type { Projection } from './access-policy.ts';
import { type AccessKey, accessKeyTable } from './key-values.ts';
import { fixedNumber, type Json, jsonString, jsonText, lineSafeJson, plainString, timestamp } from './text.ts';

/** Keys of the gateway whose texts are quoted in both formats (spec 10 §3.1). */
const quoted: ReadonlySet<string> = new Set(['error', 'mcp.error.message']);

/**
 * Compiles the access line of a format with keys of a policy's choice (spec 10 §3.3). What `access-log.ts` writes from memory is
 * written key by key here.
 */
export function compileProjectedFormat(
  format: LogFormat,
  projection: Projection,
  { ids = false }: AccessFormatOptions,
): ProjectedFormat {
  const { omitted } = projection;
  const writer = writers[format];
  const { head, scope, tail, key, value } = writer;
  const connection = ids && !omitted.has('connection.id') ? key('connection.id') : null;
  const request = ids && !omitted.has('request.id') ? key('request.id') : null;
  const before = compileKeys(accessKeyTable.before, writer, omitted);
  const ofModel = compileKeys(accessKeyTable.ofModel, writer, omitted);
  const after = compileKeys(accessKeyTable.after, writer, omitted);
  return (exchange) => {
    const { record } = exchange;
    let line = head + timestamp(record.startedAtEpoch + record.endedAt - record.startedAt) + scope;
    if (connection !== null) line += connection + record.connectionId;
    if (request !== null) line += request + record.requestId;
    for (const write of before) line += write(record);
    if (record.llm !== null) for (const write of ofModel) line += write(record.llm, record);
    for (const write of after) line += write(record);
    for (const [name, plain] of projection.additions(exchange)) line += key(name) + value(plain);
    return line + tail;
  };
}

/** What a key adds to a line; nothing where it has no value. */
function compileKeys<T extends unknown[]>(
  keys: readonly AccessKey<T>[],
  { key, text }: Writer,
  omitted: ReadonlySet<string>,
): readonly ((...of: T) => string)[] {
  return keys
    .filter(({ name }) => !omitted.has(name))
    .map(({ name, read }) => {
      const prefix = key(name);
      const write = quoted.has(name) ? lineSafeJson : text;
      return (...of) => {
        const plain = read(...of);
        if (plain === null) return '';
        return prefix + (typeof plain === 'number' ? fixedNumber(plain) : write(plain));
      };
    });
}

interface Writer {
  /** What stands before and after the timestamp. */
  readonly head: string;
  readonly scope: string;
  readonly tail: string;
  readonly key: (name: string) => string;
  /** A text of the gateway's own. */
  readonly text: (value: string) => string;
  /** What an expression gave. */
  readonly value: (value: Json) => string;
}

const writers: Readonly<Record<LogFormat, Writer>> = {
  text: {
    head: '',
    scope: '\tinfo\trequest',
    tail: '\n',
    key: (name) => ` ${plainString(name)}=`,
    text: plainString,
    value: (value) => jsonText(value, lineSafeJson),
  },
  json: {
    head: '{"level":"info","time":"',
    scope: '","scope":"request"',
    tail: '}\n',
    key: (name) => `,${jsonString(name)}:`,
    text: jsonString,
    value: (value) => jsonText(value, jsonString),
  },
};
