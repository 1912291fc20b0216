import type { Headers } from '@agentgateway/http';
import type { Step } from '../../pipeline/step.ts';
import { cookiesOf, setCookies } from '../cookies.ts';

/** What all cookies of browser logins begin with. */
export const loginCookiePrefix = 'agw_oidc_';

/** Takes the gateway's own cookies off the request, with or without an `oidc` policy: no upstream sees a session (spec 03 §4.4). */
export const stripLoginCookies: Step = ({ request: { headers } }) => {
  if (!carriesLogin(headers)) return undefined;
  const cookies = cookiesOf(headers);
  const kept = cookies.filter((cookie) => !cookie.startsWith(loginCookiePrefix));
  if (kept.length < cookies.length) setCookies(headers, kept);
  return undefined;
};

/** Every request comes by here, and most have no such cookie: nothing is taken apart for them. */
function carriesLogin(headers: Headers): boolean {
  for (let i = 0; i < headers.length; i++) {
    if (headers.nameAt(i) === 'cookie' && headers.valueAt(i).includes(loginCookiePrefix)) return true;
  }
  return false;
}
