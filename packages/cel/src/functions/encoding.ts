import { createHash } from 'node:crypto';
import { decodeBase64, encodeBase64 } from '../encoding/base64.ts';
import { decodeForm, encodeFormText } from '../encoding/form.ts';
import { keyText } from '../json/to.ts';
import { compareStrings } from '../operators/compare.ts';
import { CelError, costExceeded, functionError } from '../values/error.ts';
import { CelMap } from '../values/map.ts';
import { type Meter, slowTextPerUnit } from '../values/meter.ts';
import { Uint } from '../values/number.ts';
import { Fields, settle, typeNameOf, type Value } from '../values/value.ts';
import { bytesOf, type FunctionDefinition, type FunctionGroup, unexpectedType } from './definition.ts';

/** Encodings and hashes (spec 04 §5.5). */
export const encodingFunctions: FunctionGroup = {
  'base64.encode': base64Encode(),
  'base64.decode': base64Decode(),
  base64Encode: base64Encode(),
  base64Decode: base64Decode(),
  'url.encode': priced(urlEncode),
  'url.decode': priced(urlDecode),
  'form.encode': { min: 1, call: (host, value) => formEncode(value, host) },
  'form.decode': priced(formDecode),
  'sha1.encode': priced(hash('sha1')),
  'sha256.encode': priced(hash('sha256')),
  'md5.encode': priced(hash('md5')),
};

/** A function that looks at every byte of its argument. */
function priced(encode: (value: Value) => Value): FunctionDefinition {
  return {
    min: 1,
    call: (host, value) => {
      const length = typeof value === 'string' || value instanceof Uint8Array ? value.length : 0;
      return host.spend(length / slowTextPerUnit) ? encode(value) : costExceeded;
    },
  };
}

function base64Encode(): FunctionDefinition {
  return {
    min: 1,
    call: (_, value) => {
      const bytes = bytesOf(value);
      return bytes === null ? unexpectedType(value, 'string or bytes') : encodeBase64(bytes);
    },
  };
}

function base64Decode(): FunctionDefinition {
  return {
    min: 1,
    call: (_, value) => {
      const bytes = bytesOf(value);
      if (bytes === null) return unexpectedType(value, 'string or bytes');
      return decodeBase64(Buffer.from(bytes).toString('latin1')) ?? functionError('base64.decode', 'text is no base64');
    },
  };
}

const keptByPlatform = /[!'()*]/g;

function urlEncode(value: Value): Value {
  const bytes = bytesOf(value);
  if (bytes === null) return unexpectedType(value, 'string or bytes');
  if (typeof value === 'string' && value.isWellFormed()) {
    return encodeURIComponent(value).replace(keptByPlatform, (char) => percent(char.charCodeAt(0)));
  }
  return Array.from(bytes, (byte) =>
    /[A-Za-z0-9._~-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : percent(byte),
  ).join('');
}

function percent(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

function urlDecode(value: Value): Value {
  const bytes = bytesOf(value);
  if (bytes === null) return unexpectedType(value, 'string or bytes');
  const text = Buffer.from(bytes).toString('latin1');
  const decoded = text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) =>
    Buffer.from(run.replaceAll('%', ''), 'hex').toString('latin1'),
  );
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(decoded, 'latin1'));
  } catch {
    return functionError('url.decode', 'decoded bytes are no UTF-8');
  }
}

function formDecode(value: Value): Value {
  const bytes = bytesOf(value);
  if (bytes === null) return unexpectedType(value, 'string or bytes');
  const fields = new Map<string, string | string[]>();
  for (const [key, text] of decodeForm(Buffer.from(bytes).toString('utf8'))) {
    const before = fields.get(key);
    if (before === undefined) fields.set(key, text);
    else if (typeof before === 'string') fields.set(key, [before, text]);
    else before.push(text);
  }
  return new CelMap(fields);
}

function formEncode(value: Value, meter: Meter): Value {
  if (!(value instanceof Fields)) return unexpectedType(value, 'map');
  const pairs: string[] = [];
  const keys = [...value.keys()].sort((a, b) => compareStrings(keyText(a), keyText(b)));
  for (const key of keys) {
    const field = value.get(key) ?? null;
    for (const one of Array.isArray(field) ? (field as readonly Value[]) : [field]) {
      if (one === null) continue;
      const text = scalarText(one);
      if (text instanceof CelError) return text;
      if (!meter.spend(1 + text.length / slowTextPerUnit)) return costExceeded;
      pairs.push(`${encodeFormText(keyText(key))}=${encodeFormText(text)}`);
    }
  }
  return pairs.join('&');
}

function scalarText(value: Value): string | CelError {
  const plain = settle(value);
  switch (typeof plain) {
    case 'string':
      return plain;
    case 'boolean':
    case 'number':
    case 'bigint':
      return String(plain);
  }
  if (plain instanceof Uint) return String(plain.value);
  if (plain instanceof Uint8Array) return encodeBase64(plain);
  return plain instanceof CelError
    ? plain
    : functionError('form.encode', () => `a form has no place for a ${typeNameOf(plain)}`);
}

function hash(algorithm: string): (value: Value) => Value {
  return (value) => {
    const bytes = bytesOf(value);
    return bytes === null
      ? unexpectedType(value, 'string or bytes')
      : createHash(algorithm).update(bytes).digest('hex');
  };
}
