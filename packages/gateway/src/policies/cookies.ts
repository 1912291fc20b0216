import type { Headers } from '@agentgateway/http';
import { fromBytes } from '../resources/routing/text.ts';

/** `name=value` of every cookie, over all Cookie fields (RFC 6265 §5.4; HTTP/2 may split them). */
export function cookiesOf(headers: Headers): string[] {
  return headers
    .getAll('cookie')
    .flatMap((line) => line.split(';'))
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie !== '');
}

/** The name of a cookie as `cookiesOf` gives it. */
export function cookieName(cookie: string): string {
  const equals = cookie.indexOf('=');
  return fromBytes((equals < 0 ? '' : cookie.slice(0, equals)).trim());
}

/** Puts the cookies in place of those that are there; none drops the field. */
export function setCookies(headers: Headers, cookies: readonly string[]): void {
  if (cookies.length === 0) headers.delete('cookie');
  else headers.set('cookie', cookies.join('; '));
}
