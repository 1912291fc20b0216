import { type BodyStream, Headers, type Request, Response } from '@agentgateway/http';
import { expect, test, vi } from 'vitest';
// Gives services their policies.
import '../../config/schema/policies.ts';
import { verifies } from '../../../test/verifies.ts';
import type { Callout, CalloutOptions } from '../../pipeline/callout.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import { testExchange, testPorts } from '../testing.ts';
import { Decisions } from './decisions.ts';
import { extAuthzSchema, extAuthzSpec } from './schema.ts';
import { compileExtAuthz } from './step.ts';
import { cacheKey, lifetime } from './values.ts';
import type { Verdict } from './verdict.ts';

interface Asked {
  readonly request: Request;
  readonly options: CalloutOptions;
  answer(status: number, body?: string | BodyStream): void;
  fail(): void;
}

/** The policy before a service that answers when the test says so, on a clock that stands until it is moved. */
function authorizer(cache: object | null, more: object = {}, http: object = {}) {
  const warnings: string[] = [];
  const asked: Asked[] = [];
  const time = { now: 1_000 };
  const epoch = 1_700_000_000_000;
  const service: Callout = {
    name: 'authz',
    authority: 'authz',
    send: (request, options) =>
      new Promise((resolve, reject) =>
        asked.push({
          request,
          options,
          answer: (status, body) => {
            const content = typeof body === 'string' ? Buffer.from(body) : (body ?? null);
            resolve(new Response(status, Headers.of(['x-team', 'blue']), content));
          },
          fail: () => reject(new GatewayError('upstreamCallTimeout', { logDetail: 'authz' })),
        }),
      ),
  };
  const options = { host: 'authz:9000', protocol: { http }, ...(cache === null ? {} : { cache }), ...more };
  const references = { reference: () => ({ $backend: { backend: '/authz' }, policies: [] }) };
  const spec = extAuthzSpec(extAuthzSchema.parse(options), [], references);
  const log = { ...testPorts({}).log, warn: (_scope: string, message: string) => void warnings.push(message) };
  const clock = { now: () => time.now, epoch: () => epoch + time.now, monotonic: () => 0n };
  const step = compileExtAuthz(spec, testPorts({ callout: () => service, clock, log }));
  const request = (user = 'a', path = '/') => {
    const exchange = testExchange({ path, headers: [['x-user', user]] });
    const result = step(exchange);
    return { exchange, result, waits: result instanceof Promise };
  };
  /** One that is answered. */
  const decide = async (status: number, body?: string, user?: string) => {
    const before = asked.length;
    const { result, exchange } = request(user);
    while (asked.length === before) await new Promise((resolve) => setImmediate(resolve));
    asked.at(-1)?.answer(status, body);
    return { result: await result, exchange };
  };
  return { asked, request, decide, time, warnings, epoch };
}

const byUser = { key: ['request.headers["x-user"]'], ttl: '10s' };

function statusOf(result: unknown): number | undefined {
  return result instanceof Response || result instanceof GatewayError ? result.status : undefined;
}

test('POL-42: a decision is remembered for its time, and ahead of its end one request asks again', async () => {
  verifies('POL-42');
  const { asked, request, decide, time } = authorizer(byUser);
  expect((await decide(200)).result).toBeUndefined();
  expect(request()).toMatchObject({ waits: false, result: undefined });
  time.now += 8_999;
  expect(request().waits).toBe(false);
  expect(asked).toHaveLength(1);

  time.now += 501; // 9.5 s
  const refreshing = request();
  expect(refreshing.waits).toBe(true);
  for (let i = 0; i < 3; i++) expect(request()).toMatchObject({ waits: false, result: undefined });
  expect(asked).toHaveLength(2);
  asked[1]?.answer(403);
  expect(statusOf(await refreshing.result)).toBe(403);
  expect(statusOf(request().result)).toBe(403);
  expect(asked).toHaveLength(2);

  time.now += 10_001;
  expect(request().waits).toBe(true);
  expect(asked).toHaveLength(3);
});

test('another key is another decision, and a key that cannot be told remembers nothing', async () => {
  const { asked, decide } = authorizer(byUser);
  await decide(200, undefined, 'a');
  await decide(403, undefined, 'b');
  expect(asked).toHaveLength(2);
  const nameless = authorizer({ ...byUser, key: ['request.nothing'] });
  await nameless.decide(200);
  await nameless.decide(200);
  expect(nameless.asked).toHaveLength(2);
});

test('a refusal is remembered with its content, unless it is long; other answers and failures never are', async () => {
  const { asked, request, decide } = authorizer(byUser);
  expect(statusOf((await decide(401, 'who?')).result)).toBe(401);
  const again = request().result as Response;
  expect([again.status, again.headers.get('x-team'), String(again.body)]).toEqual([401, 'blue', 'who?']);
  expect(asked).toHaveLength(1);

  for (const [status, body] of [
    [403, 'x'.repeat(10_000)],
    [404, ''],
    [500, ''],
  ] as const) {
    const other = authorizer(byUser);
    await other.decide(status, body);
    expect(other.request().waits).toBe(true);
  }
  const failing = authorizer(byUser, { failureMode: 'allow' });
  await failing.decide(200);
  failing.time.now += 20_000;
  const { result } = failing.request();
  failing.asked[1]?.fail();
  expect(await result).toBeUndefined();
  expect(failing.request().waits).toBe(true);
});

test('a service that is in trouble takes back nothing that is still good', async () => {
  const { asked, request, decide, time } = authorizer(byUser);
  await decide(200);
  for (const trouble of [(one?: Asked) => one?.fail(), (one?: Asked) => one?.answer(503)]) {
    time.now = 1_000 + 9_500;
    const { result } = request();
    trouble(asked.at(-1));
    expect(await result).toBeUndefined();
  }
  // Whoever comes next asks again.
  expect(request().waits).toBe(true);
});

test('the time is found out when the answer was carried out', async () => {
  const http = { metadata: { seconds: '2 + 1', until: 'response.headers["x-team"]' } };
  const { request, decide, time } = authorizer(
    { ...byUser, ttl: 'duration(string(extauthz.seconds) + "s")' },
    {},
    http,
  );
  const { exchange } = await decide(200);
  expect(exchange.extauthz).toEqual({ seconds: 3, until: 'blue' });
  time.now += 2_000;
  expect(request().exchange.extauthz).toEqual({ seconds: 3, until: 'blue' });
  time.now += 1_000;
  expect(request().waits).toBe(true);
  const never = authorizer({ ...byUser, ttl: 'extauthz.none' });
  await never.decide(200);
  expect(never.request().waits).toBe(true);
});

test('where a client is sent is made for each of them', async () => {
  const { asked, request, decide } = authorizer(byUser, {}, { redirect: '"/login?rd=" + request.path' });
  expect(((await decide(401)).result as Response).headers.get('location')).toBe('/login?rd=/');
  expect((request('a', '/other').result as Response).headers.get('location')).toBe('/login?rd=/other');
  expect(asked).toHaveLength(1);
});

test('a key that is never the same is told of, and so is none', () => {
  expect(authorizer({ ...byUser, key: [] }).warnings).toEqual([
    'the cache has no key: one decision is for every request',
  ]);
  expect(authorizer(byUser).warnings).toEqual([]);
  expect(authorizer({ ...byUser, key: ['uuid()'] }).warnings).toEqual([
    'a key of the cache differs each time, so that nothing is ever found',
  ]);
});

test('the log says when a service begins to fail, not at every request', async () => {
  const { asked, request, warnings } = authorizer(null, { failureMode: 'allow' });
  for (const next of ['fail', 'fail', 200, 503] as const) {
    const { result } = request();
    if (next === 'fail') asked.at(-1)?.fail();
    else asked.at(-1)?.answer(next);
    expect(await result).toBeUndefined();
  }
  expect(warnings).toEqual(Array(2).fill('requests pass unasked, as authz fails'));
});

test('a check over HTTP has two seconds; one that comes later is a failure', async () => {
  const late = authorizer(null);
  const { result } = late.request();
  expect(late.asked[0]?.options).toMatchObject({ kind: 'ExtAuthz', timeout: 2_000 });
  late.asked[0]?.fail();
  expect(await result).toMatchObject({ code: 'extAuthz', status: 403, logDetail: 'upstream call timeout: authz' });
});

test('an answer whose content never ends is given up: it counts where it is read, and not where it is not', async () => {
  vi.useFakeTimers();
  try {
    for (const [http, expected] of [
      [{ metadata: { team: 'string(response.body)' } }, 403],
      [{ metadata: { team: 'response.code' } }, undefined],
    ] as const) {
      const { asked, request } = authorizer(null, {}, http);
      const { result } = request();
      await vi.waitFor(() => expect(asked).toHaveLength(1));
      const endless = { length: undefined, read: vi.fn(), pause() {}, resume() {}, cancel: vi.fn() };
      asked[0]?.answer(200, endless);
      await vi.waitFor(() => expect(endless.read).toHaveBeenCalled());
      expect(endless.cancel).not.toHaveBeenCalled();
      vi.advanceTimersByTime(2_000);
      expect(endless.cancel).toHaveBeenCalledTimes(1);
      expect(statusOf(await result)).toBe(expected);
    }
  } finally {
    vi.useRealTimers();
  }
});

test('times are spans, moments, or seconds since the epoch', async () => {
  const { epoch } = authorizer(null);
  for (const [ttl, expected] of [
    ['1m', 60_000],
    ['duration("1500ms")', 1_500],
    [`timestamp("${new Date(epoch + 11_000).toISOString()}")`, 10_000],
    [String(epoch / 1000 + 11), 10_000],
    [`${epoch / 1000 + 11}.0`, 10_000],
    [`uint(${epoch / 1000 + 11})`, 10_000],
    ['"text"', null],
    ['request.nothing', null],
  ] as const) {
    const given = extAuthzSchema.parse({ host: 'a:1', cache: { key: [], ttl } }).cache?.ttl ?? { $cel: '' };
    const value = testPorts({}).expression(given).evaluate(testExchange().variables);
    expect([ttl, lifetime(value, epoch + 1_000)]).toEqual([ttl, expected]);
  }
});

test('keys tell types and borders apart', () => {
  const values = (...sources: string[]) =>
    cacheKey(sources.map((source) => testPorts({}).expression({ $cel: source }).evaluate(testExchange().variables)));
  const keys = [
    values('1'),
    values('1u'),
    values('1.0'),
    values('"1"'),
    values('b"1"'),
    values('true'),
    values('null'),
    values('"a"', '"b"'),
    values('"a,b"'),
    values(),
  ];
  keys.push(...['a', 'b'].map((end) => cacheKey(['x'.repeat(100_000) + end])));
  expect(new Set(keys).size).toBe(keys.length);
  for (const key of keys) expect(key?.length).toBeLessThanOrEqual(256);
  expect(keys).not.toContain(null);
  for (const source of ['[1]', '{"a": 1}', 'request.nothing', 'duration("1s")']) expect(values(source)).toBeNull();
});

test('decisions are bounded: the one unused for longest makes room', () => {
  const decisions = new Decisions(2);
  const verdict = {} as Verdict;
  decisions.remember('a', verdict, 0, 100);
  decisions.remember('b', verdict, 0, 100);
  decisions.find('a', 1);
  decisions.remember('c', verdict, 0, 100);
  expect(['a', 'b', 'c'].map((key) => decisions.find(key, 1) !== null)).toEqual([true, false, true]);
  expect(decisions.find('a', 100)).toBeNull();
  expect(decisions.size).toBe(1);
});
