import type { Log } from '../../../pipeline/step.ts';

/** What a token is asked for, besides the client's own. */
interface Wishes {
  readonly audiences: readonly string[];
  readonly scopes: readonly string[];
  readonly resources: readonly string[];
}

/** RFC 6749 §3.3: printable, and neither a space nor a quote nor a backslash. */
const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

/** RFC 8707 §2: an absolute URI without a fragment. */
const resourceIndicator = /^[A-Za-z][A-Za-z0-9+.-]*:[^\s#]+$/;

const told = new WeakSet<object>();

/** Warns, once in each thread, of values that an authorization server will hardly take; they are sent as they are. */
export function warnOfOddWishes(spec: object, { audiences, scopes, resources }: Wishes, log: Log): void {
  if (told.has(spec)) return;
  told.add(spec);
  const odd = {
    audiences: audiences.filter((text) => text.trim() === ''),
    scopes: scopes.filter((text) => !scopeToken.test(text)),
    resources: resources.filter((text) => !resourceIndicator.test(text)),
  };
  for (const [field, values] of Object.entries(odd))
    if (values.length > 0) log.warn('policies', `backendAuth asks for a token with odd ${field}`, { values });
}
