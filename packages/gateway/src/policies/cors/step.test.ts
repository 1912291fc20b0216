import { Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { testExchange } from '../testing.ts';
import type { CorsSpec } from './spec.ts';
import { compileCors } from './step.ts';

const origin = 'https://app.test';
const base: CorsSpec = {
  allowOrigins: [origin],
  allowMethods: ['GET', 'PUT'],
  allowHeaders: ['x-a', 'x-b'],
  exposeHeaders: ['x-c', 'x-d'],
  allowCredentials: false,
  maxAge: 600,
};

function run(spec: Partial<CorsSpec>, method: string, headers: Record<string, string>) {
  const exchange = testExchange({ method, headers: Object.entries(headers) });
  const result = compileCors({ ...base, ...spec })(exchange);
  const answer = result instanceof Response ? { status: result.status, headers: [...result.headers] } : result;
  return { answer, queued: [...(exchange.responseHeaders ?? [])], reason: exchange.record.reason };
}

const preflight = { origin, 'access-control-request-method': 'PUT', 'access-control-request-headers': 'X-A ,x-z' };

test('a preflight from an allowed origin gets everything it asks about, and ends here', () => {
  expect(run({ allowCredentials: true }, 'OPTIONS', preflight)).toEqual({
    answer: {
      status: 200,
      headers: [
        ['access-control-allow-origin', origin],
        ['access-control-allow-credentials', 'true'],
        ['access-control-expose-headers', 'x-c,x-d'],
        ['access-control-allow-methods', 'GET,PUT'],
        ['access-control-allow-headers', 'x-a,x-b'],
        ['access-control-max-age', '600'],
      ],
    },
    queued: [['vary', 'origin']],
    reason: 'DirectResponse',
  });
});

test('wildcards repeat what was asked for, names tidied; with nothing asked, * or with credentials nothing', () => {
  const wild = { allowMethods: ['*'], allowHeaders: ['*'] };
  const answered = (spec: Partial<CorsSpec>, headers: Record<string, string>) =>
    Object.fromEntries(
      (run({ ...wild, ...spec }, 'OPTIONS', headers).answer as { headers: [string, string][] }).headers,
    );
  expect(answered({}, preflight)).toMatchObject({
    'access-control-allow-methods': 'PUT',
    'access-control-allow-headers': 'X-A, x-z',
  });
  const bare = { origin, 'access-control-request-method': 'PUT' };
  expect(answered({}, bare)['access-control-allow-headers']).toBe('*');
  expect(answered({ allowCredentials: true }, bare)['access-control-allow-headers']).toBeUndefined();
});

test('any other request gets its headers queued', () => {
  expect(run({}, 'GET', { origin })).toEqual({
    answer: undefined,
    queued: [
      ['vary', 'origin'],
      ['access-control-allow-origin', origin],
      ['access-control-expose-headers', 'x-c,x-d'],
    ],
    reason: 'Upstream',
  });
  // In its better form (03 §12): OPTIONS that asks about no method is the upstream's to answer.
  expect(run({}, 'OPTIONS', { origin }).answer).toBeUndefined();
});

test('an origin that is not allowed learns nothing; its preflight still ends here', () => {
  const foreign = 'https://evil.test';
  expect(run({}, 'GET', { origin: foreign }).queued).toEqual([['vary', 'origin']]);
  expect(run({}, 'OPTIONS', { ...preflight, origin: foreign }).answer).toEqual({ status: 200, headers: [] });
});

test('without an origin there is nothing to say but that it matters', () => {
  expect(run({}, 'GET', {})).toMatchObject({ answer: undefined, queued: [['vary', 'origin']] });
});

test('two phases say vary once, and the later one decides', () => {
  const exchange = testExchange({ headers: [['origin', origin]] });
  compileCors(base)(exchange);
  compileCors({ ...base, exposeHeaders: ['x-e'] })(exchange);
  expect([...(exchange.responseHeaders ?? [])]).toEqual([
    ['vary', 'origin'],
    ['access-control-allow-origin', origin],
    ['access-control-expose-headers', 'x-e'],
  ]);
});
