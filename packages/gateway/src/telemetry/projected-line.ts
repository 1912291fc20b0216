import type { AccessFormatOptions, LogFormat } from './access-log.ts';
import type { ProjectedFormat } from './access-log-plan.ts';
import type { Projection } from './access-policy.ts';
import { accessKeys } from './key-values.ts';
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
  const { head, scope, tail, key, text, value } = writers[format];
  const connection = ids && !omitted.has('connection.id');
  const request = ids && !omitted.has('request.id');
  return (exchange) => {
    const { record } = exchange;
    let line = head + timestamp(record.startedAtEpoch + record.endedAt - record.startedAt) + scope;
    if (connection) line += key('connection.id') + record.connectionId;
    if (request) line += key('request.id') + record.requestId;
    for (const [name, plain] of accessKeys(record, omitted)) {
      line += key(name) + (typeof plain === 'number' ? fixedNumber(plain) : text(name, plain));
    }
    for (const [name, plain] of projection.additions(exchange)) line += key(name) + value(plain);
    return line + tail;
  };
}

interface Writer {
  /** What stands before and after the timestamp. */
  readonly head: string;
  readonly scope: string;
  readonly tail: string;
  readonly key: (name: string) => string;
  /** A text of the gateway's own. */
  readonly text: (name: string, value: string) => string;
  /** What an expression gave. */
  readonly value: (value: Json) => string;
}

const writers: Readonly<Record<LogFormat, Writer>> = {
  text: {
    head: '',
    scope: '\tinfo\trequest',
    tail: '\n',
    key: (name) => ` ${plainString(name)}=`,
    text: (name, value) => (quoted.has(name) ? lineSafeJson(value) : plainString(value)),
    value: (value) => jsonText(value, lineSafeJson),
  },
  json: {
    head: '{"level":"info","time":"',
    scope: '","scope":"request"',
    tail: '}\n',
    key: (name) => `,${jsonString(name)}:`,
    text: (_, value) => jsonString(value),
    value: (value) => jsonText(value, jsonString),
  },
};
