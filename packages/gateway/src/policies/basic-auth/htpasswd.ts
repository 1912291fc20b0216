/**
 * Reads `user:hash` lines. Empty lines, comments and lines without a user or a hash are passed over; of several lines for a user
 * the last counts. White space at the ends, such as the return of a CRLF file, belongs to no hash.
 */
export function parseHtpasswd(text: string): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const line of text.split('\n')) {
    const entry = line.trim();
    const colon = entry.indexOf(':');
    if (colon <= 0 || entry.startsWith('#') || colon === entry.length - 1) continue;
    users.set(entry.slice(0, colon), entry.slice(colon + 1));
  }
  return users;
}
