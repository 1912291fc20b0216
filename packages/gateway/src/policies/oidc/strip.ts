import type { Step } from '../../pipeline/step.ts';
import { cookiesOf, setCookies } from '../cookies.ts';

/** What all cookies of browser logins begin with. */
export const loginCookiePrefix = 'agw_oidc_';

/** Takes the gateway's own cookies off the request, with or without an `oidc` policy: no upstream sees a session (spec 03 §4.4). */
export const stripLoginCookies: Step = ({ request: { headers } }) => {
  if (!headers.has('cookie')) return undefined;
  const cookies = cookiesOf(headers);
  const kept = cookies.filter((cookie) => !cookie.startsWith(loginCookiePrefix));
  if (kept.length < cookies.length) setCookies(headers, kept);
  return undefined;
};
