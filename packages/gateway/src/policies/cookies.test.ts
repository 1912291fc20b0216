import { Headers } from '@agentgateway/http';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromBytes } from '../resources/routing/text.ts';
import { cookieName, cookiesOf, setCookies } from './cookies.ts';
import { CookieJar } from './oidc/cookie-jar.ts';
import { CookieSeal } from './oidc/seal.ts';
import { stripLoginCookies } from './oidc/strip.ts';
import { testExchange } from './testing.ts';

/** What a client may send as a Cookie field: bytes that the parser of HTTP lets through. */
const field = fc.string({ unit: fc.constantFrom(...'ab=; ,"\\%~.\t\xe9', 'agw_oidc_s_', 'agw_oidc_'), maxLength: 60 });
const fields = fc.array(field, { maxLength: 4 });

test('whatever cookies a client sends, the gateway’s own go and the others stay as they were', () => {
  fc.assert(
    fc.property(fields, (values) => {
      const exchange = testExchange({ headers: values.map((value) => ['cookie', value]) });
      const before = cookiesOf(exchange.request.headers);
      stripLoginCookies(exchange);
      const after = cookiesOf(exchange.request.headers);
      expect(after).toEqual(before.filter((cookie) => !cookie.startsWith('agw_oidc_')));
    }),
  );
});

test('cookies that are read and put back are the same', () => {
  fc.assert(
    fc.property(fields, (values) => {
      const headers = Headers.of(...values.map((value): [string, string] => ['cookie', value]));
      const cookies = cookiesOf(headers);
      setCookies(headers, cookies);
      expect(cookiesOf(headers)).toEqual(cookies);
      for (const cookie of cookies) expect(fromBytes(cookie).startsWith(cookieName(cookie))).toBe(true);
    }),
  );
});

test('no cookie that a client makes up is a session or a transaction', () => {
  const jar = new CookieJar('route/a', new CookieSeal([Buffer.alloc(32, 1)]), true);
  const made = fc.tuple(fc.constantFrom('', '.1', '.2'), fc.string({ unit: fc.constantFrom(...'~2349AZaz09+/=') }));
  fc.assert(
    fc.property(fc.array(made, { maxLength: 6 }), (cookies) => {
      const headers = Headers.of(
        ...cookies.map(([part, value]): [string, string] => ['cookie', `${jar.sessionName}${part}=${value}`]),
      );
      const sealed = jar.sealedSession(headers);
      if (sealed !== null) expect(jar.openSession(sealed)).toBeNull();
      expect(jar.transaction(headers, 'x'.repeat(22))).toBeNull();
    }),
  );
});
