/** Parts of an origin or of a pattern for origins, in lower case. */
interface Origin {
  readonly scheme: string;
  readonly host: string;
  /** The scheme's own if none was written. */
  readonly port: number;
}

/**
 * Compiles patterns for origins (spec 03 §7.1). A `*` inside of the host stands for any text, dots included; ports are compared
 * after the schemes' own were filled in; case does not matter. A pattern that is none never matches; `*` alone is every
 * origin, `null` included.
 */
export function compileOrigins(patterns: readonly string[]): (origin: string) => boolean {
  if (patterns.includes('*')) return () => true;
  const matchers = patterns.map(parseOrigin).filter((pattern) => pattern !== null);
  const exact = new Set<string>();
  const wild: { readonly scheme: string; readonly port: number; readonly pieces: readonly string[] }[] = [];
  for (const { scheme, host, port } of matchers) {
    if (host.includes('*')) wild.push({ scheme, port, pieces: host.split('*') });
    else exact.add(`${scheme}://${host}:${port}`);
  }
  return (text) => {
    const origin = parseOrigin(text);
    if (origin === null || origin.host.includes('*')) return false;
    const { scheme, host, port } = origin;
    if (exact.has(`${scheme}://${host}:${port}`)) return true;
    return wild.some((pattern) => {
      return pattern.scheme === scheme && pattern.port === port && fits(host, pattern.pieces);
    });
  };
}

function parseOrigin(text: string): Origin | null {
  const lower = text.toLowerCase();
  const mark = lower.indexOf('://');
  const scheme = lower.slice(0, Math.max(0, mark));
  if (scheme !== 'http' && scheme !== 'https') return null;
  const authority = lower.slice(mark + 3);
  const colon = authority.lastIndexOf(':');
  const hasPort = colon > authority.lastIndexOf(']');
  const host = hasPort ? authority.slice(0, colon) : authority;
  if (host === '' || /[^a-z0-9.\-_*[\]:]/.test(host)) return null;
  if (!host.startsWith('[') && host.includes(':')) return null;
  if (!hasPort) return { scheme, host, port: scheme === 'https' ? 443 : 80 };
  const digits = authority.slice(colon + 1);
  return /^\d{1,5}$/.test(digits) ? { scheme, host, port: Number(digits) } : null;
}

/** Whether a text is made of the pieces in their order with anything between them; takes one pass. */
function fits(text: string, pieces: readonly string[]): boolean {
  const first = pieces[0] as string;
  const last = pieces.at(-1) as string;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}
