/** What stands in the place of a secret. */
export const REDACTED = '<redacted>';

/** Query parameters whose values are credentials often enough never to be logged, in lower case (`sensitiveQueryParams`). */
export const sensitiveQueryParams: readonly string[] = ['key', 'token', 'access_token', 'code'];

/** Header fields that carry credentials, in lower case. */
const sensitiveHeaders: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'api-key',
  'x-api-key',
  'x-goog-api-key',
]);

/** Makes a function that replaces the values of the named query parameters in a path; names are compared without case. */
export function pathRedactor(names: readonly string[] = sensitiveQueryParams): (path: string) => string {
  const sensitive = new Set(names.map((name) => name.toLowerCase()));
  return (path) => {
    const query = path.indexOf('?');
    if (query < 0) return path;
    let out = '';
    let copied = 0;
    for (let start = query + 1; start < path.length; ) {
      let end = path.indexOf('&', start);
      if (end < 0) end = path.length;
      const equals = path.indexOf('=', start);
      if (equals >= 0 && equals < end - 1 && sensitive.has(parameterName(path.slice(start, equals)))) {
        out += path.slice(copied, equals + 1) + REDACTED;
        copied = end;
      }
      start = end + 1;
    }
    return copied === 0 ? path : out + path.slice(copied);
  };
}

/** As the upstream will read it: `%6Bey` is `key`. */
function parameterName(raw: string): string {
  if (raw.indexOf('%') < 0) return raw.toLowerCase();
  try {
    return decodeURIComponent(raw).toLowerCase();
  } catch {
    return raw.toLowerCase();
  }
}

/**
 * A copy of plain data without its secrets: values marked by `$secret`, private keys in PEM, hashes of client keys, and the
 * values of credential headers however the data spells a header (a map, a list of pairs, or `{name, value}`).
 */
export function redact(value: unknown): unknown {
  return copy(value, 0);
}

/** Deeper than any resource; what lies below (or runs in a circle) is not shown. */
const MAX_DEPTH = 32;

function copy(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return value.includes('PRIVATE KEY-----') ? REDACTED : value;
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Error) return value.message;
  if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
  if (depth === MAX_DEPTH) return null;
  if (Array.isArray(value))
    return value.map((item) => (isCredentialPair(item) ? [item[0], REDACTED] : copy(item, depth + 1)));
  if ('$secret' in value) return REDACTED;
  const credential = 'name' in value && 'value' in value && namesCredential(value.name);
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const hidden = (credential && key === 'value') || (typeof item === 'string' && hidesText(key));
    out[key] = hidden ? REDACTED : copy(item, depth + 1);
  }
  return out;
}

function isCredentialPair(item: unknown): item is readonly [string, string] {
  return (
    Array.isArray(item) &&
    item.length === 2 &&
    typeof item[0] === 'string' &&
    sensitiveHeaders.has(item[0].toLowerCase())
  );
}

/** `authorization` names a policy as well: only its text is hidden, never an object. */
function hidesText(key: string): boolean {
  return key === 'sha256' || sensitiveHeaders.has(key.toLowerCase());
}

function namesCredential(name: unknown): boolean {
  if (typeof name !== 'string') return false;
  const lower = name.toLowerCase();
  return sensitiveHeaders.has(lower) || sensitiveQueryParams.includes(lower);
}
