/**
 * The listener that serves a host (spec 02 §3.5 step 7, §6, 32): the name itself, else `*.suffix` with the longest suffix,
 * else `*` or an empty name. A wildcard stands for whole labels: `*.b.c` takes `a.b.c`, not `xb.c` and not `b.c`.
 *
 * @param host lower case, without port and trailing dot.
 */
export function selectListener<L extends { readonly hostname: string }>(
  listeners: readonly L[],
  host: string,
): L | null {
  let best: L | null = null;
  let bestLength = -1;
  for (const listener of listeners) {
    const { hostname } = listener;
    if (hostname === host && host !== '') return listener;
    const length = wildcardLength(hostname, host);
    if (length > bestLength) {
      best = listener;
      bestLength = length;
    }
  }
  return best;
}

/** How much of the host a name pins down: 0 for the name that takes all, -1 if it does not take this host. */
function wildcardLength(hostname: string, host: string): number {
  if (hostname === '' || hostname === '*') return 0;
  if (!hostname.startsWith('*.')) return -1;
  const suffix = hostname.length - 1;
  const start = host.length - suffix;
  if (start < 1) return -1;
  for (let i = 0; i < suffix; i++) if (host.charCodeAt(start + i) !== hostname.charCodeAt(i + 1)) return -1;
  return suffix;
}
