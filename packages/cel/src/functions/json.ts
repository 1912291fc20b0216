import { decodeBase64Url } from '../encoding/base64.ts';
import { fromJson } from '../json/from.ts';
import { parseJson } from '../json/parse.ts';
import { toJson } from '../json/to.ts';
import { CelError, costExceeded, functionError } from '../values/error.ts';
import { type Meter, slowTextPerUnit } from '../values/meter.ts';
import type { Value } from '../values/value.ts';
import { bytesOf, type FunctionGroup, unexpectedType } from './definition.ts';

/** JSON text and back (spec 04 §5.5). Non-negative whole numbers become uints. */
export const jsonFunctions: FunctionGroup = {
  json: { min: 1, call: (host, value) => read('json', value, host) },
  toJson: { min: 1, call: (host, value) => toJson(value, host) },
  to_json: { min: 1, call: (host, value) => toJson(value, host) },
  unvalidatedJwtPayload: { min: 1, call: (host, token) => payload(token, host) },
};

function read(name: string, value: Value, meter: Meter): Value {
  const bytes = typeof value === 'string' ? value : bytesOf(value);
  if (bytes === null) return unexpectedType(value, 'string or bytes');
  const text = typeof bytes === 'string' ? bytes : decodeUtf8(name, bytes);
  if (text instanceof CelError) return text;
  if (!meter.spend(text.length / (2 * slowTextPerUnit))) return costExceeded;
  try {
    return fromJson(parseJson(text), 'uint');
  } catch {
    // A SyntaxError, or a text nested so deep that the stack ends. Its message may quote the text, so it stays here.
    return functionError(name, 'text is no JSON');
  }
}

function decodeUtf8(name: string, bytes: Uint8Array): string | CelError {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return functionError(name, 'bytes are no UTF-8');
  }
}

function payload(token: Value, meter: Meter): Value {
  const name = 'unvalidatedJwtPayload';
  if (typeof token !== 'string') return unexpectedType(token, 'string');
  const segments = token.split('.');
  if (segments.length !== 3) return functionError(name, `expected 3 segments, got ${segments.length}`);
  const bytes = decodeBase64Url(segments[1] as string);
  return bytes === null ? functionError(name, 'payload is no base64url') : read(name, bytes, meter);
}
