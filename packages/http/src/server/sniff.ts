/** What a client with knowledge of HTTP/2 sends first (RFC 9113 §3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** The request line that no HTTP/1 request has; the rest is left to HTTP/2 to check. */
const TELLING = 'PRI * HTTP/2.0\r\n\r\n'.length;

/** Tells by the first bytes of a connection which protocol it speaks; null while they could be either. */
export function sniff(bytes: Buffer): 'h2' | 'h1' | null {
  const length = Math.min(bytes.length, TELLING);
  for (let i = 0; i < length; i++) if (bytes[i] !== PREFACE[i]) return 'h1';
  return length === TELLING ? 'h2' : null;
}
