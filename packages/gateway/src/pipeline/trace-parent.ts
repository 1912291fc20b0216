/** What a `traceparent` says (W3C Trace Context §3.2). All texts are hexadecimal in lower case. */
export interface TraceParent {
  readonly version: string;
  readonly traceId: string;
  /** Of the caller's span. */
  readonly spanId: string;
  readonly flags: string;
}

/** Length of `vv-<trace id>-<span id>-ff`. */
const LENGTH = 55;

/**
 * Reads a `traceparent`; null where it is not one: then there is none (spec 10 §5.3). Versions to come are read as far as they have the
 * four fields of this one.
 */
export function parseTraceParent(text: string): TraceParent | null {
  if (text.length !== LENGTH) return null;
  for (let i = 0; i < LENGTH; i++) {
    const code = text.charCodeAt(i);
    const dash = i === 2 || i === 35 || i === 52;
    if (dash ? code !== 0x2d : !isHex(code)) return null;
  }
  const lower = text.toLowerCase();
  const version = lower.slice(0, 2);
  const traceId = lower.slice(3, 35);
  const spanId = lower.slice(36, 52);
  if (version === 'ff' || isZero(traceId) || isZero(spanId)) return null;
  return { version, traceId, spanId, flags: lower.slice(53) };
}

function isHex(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x66) || (code >= 0x41 && code <= 0x46);
}

function isZero(id: string): boolean {
  for (let i = 0; i < id.length; i++) if (id.charCodeAt(i) !== 0x30) return false;
  return true;
}
