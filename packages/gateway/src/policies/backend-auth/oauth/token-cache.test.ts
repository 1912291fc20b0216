import { Abort, type Request } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { bearerLocation } from '../../credential.ts';
import { testRequest } from '../../testing.ts';
import { cacheKey, type InsertToken, type IssuedToken, issuedToken, TokenCache, tokenCacheOf } from './token-cache.ts';

/** The token that is put. */
function shownBy(insert: InsertToken): string | undefined {
  const request = testRequest();
  insert(request);
  return request.headers.get('x-token');
}

class TestClock {
  time = 1_000_000;
  now = () => this.time;
  epoch = () => this.time;
  monotonic = () => 0n;
}

/** An endpoint that answers when it is told to. */
class Endpoint {
  readonly asked: { readonly abort: Abort; answer(token: IssuedToken): void; fail(error: Error): void }[] = [];
  ask = (abort: Abort): Promise<IssuedToken> => {
    const { promise, resolve, reject } = Promise.withResolvers<IssuedToken>();
    abort.listen(reject);
    this.asked.push({ abort, answer: resolve, fail: reject });
    return promise;
  };
}

function setup(maxEntries = 10) {
  const clock = new TestClock();
  const endpoint = new Endpoint();
  const cache = new TokenCache(maxEntries, clock);
  const obtain = async (key = 'k', abort = new Abort()) => shownBy(await cache.obtain(key, abort, endpoint.ask));
  const lasting = (token: string, seconds = 300) => ({
    insert: (request: Request) => request.headers.set('x-token', token),
    expiresAt: clock.time + seconds * 1000,
  });
  const known = (key: string) => {
    const insert = cache.get(key);
    return insert && shownBy(insert);
  };
  const put = async (key: string, seconds = 300) => {
    const waiting = obtain(key);
    endpoint.asked.at(-1)?.answer(lasting(key, seconds));
    await waiting;
  };
  return { clock, endpoint, cache, known, obtain, lasting, put };
}

test('who wants the same at a time waits for one answer', async () => {
  const { endpoint, obtain, lasting, known } = setup();
  const both = [obtain(), obtain()];
  const other = obtain('other');
  expect(endpoint.asked).toHaveLength(2);
  endpoint.asked[0]?.answer(lasting('t'));
  endpoint.asked[1]?.answer(lasting('o'));
  expect(await Promise.all([...both, other])).toEqual(['t', 't', 'o']);
  expect([known('k'), known('other'), known('third')]).toEqual(['t', 'o', null]);
});

test('a failure is told to all who wait, and not kept', async () => {
  const { endpoint, obtain, lasting, known } = setup();
  const both = [obtain(), obtain()];
  const failure = new Error('refused');
  endpoint.asked[0]?.fail(failure);
  expect((await Promise.allSettled(both)).map((result) => result.status === 'rejected' && result.reason)).toEqual([
    failure,
    failure,
  ]);
  expect(known('k')).toBeNull();
  const again = obtain();
  endpoint.asked[1]?.answer(lasting('t'));
  expect(await again).toBe('t');
});

test('who leaves leaves alone; the last one ends the question', async () => {
  const { endpoint, obtain, lasting } = setup();
  const first = new Abort();
  const second = new Abort();
  const gone = new Error('the client left');
  const leaving = obtain('k', first);
  const staying = obtain('k', second);
  first.abort(gone);
  await expect(leaving).rejects.toBe(gone);
  expect(endpoint.asked[0]?.abort.reason).toBeNull();
  second.abort(gone);
  await expect(staying).rejects.toBe(gone);
  expect(endpoint.asked[0]?.abort.reason?.message).toBe('nobody waits for the token any more');
  // who comes now is not failed by what was given up
  const late = obtain();
  expect(endpoint.asked).toHaveLength(2);
  endpoint.asked[1]?.answer(lasting('t'));
  expect(await late).toBe('t');
  await expect(obtain('k', first)).rejects.toBe(gone);
  expect(endpoint.asked).toHaveLength(2);
});

test('a token with fifteen seconds to live is neither kept nor shown', async () => {
  const { clock, cache, known, put } = setup();
  await put('short', 15);
  await put('long', 16);
  expect([known('short'), known('long')]).toEqual([null, 'long']);
  clock.time += 1000;
  expect(known('long')).toBeNull();
  expect(cache.size).toBe(0);
});

test('the least recently used goes first, and none is kept where none is wanted', async () => {
  const { cache, known, put } = setup(2);
  await put('a');
  await put('b');
  known('a');
  await put('c');
  expect([known('a'), known('b'), known('c'), cache.size]).toEqual(['a', null, 'c', 2]);
  const none = setup(0);
  await none.put('a');
  expect([none.known('a'), none.cache.size]).toEqual([null, 0]);
});

test('tokens that nobody asks for again do not stay', async () => {
  const { clock, cache, put } = setup();
  await put('a', 30);
  await put('b', 600);
  clock.time += 60_000;
  await put('c');
  expect(cache.size).toBe(2);
});

test('neighbours in a key are kept apart', () => {
  const keys = [
    ['ab', 'c'],
    ['a', 'bc'],
    ['a', 'b', 'c'],
    ['', 'abc'],
    ['1:a', ''],
    ['', '1:a'],
  ].map(cacheKey);
  expect(new Set(keys).size).toBe(keys.length);
});

const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`;

test.each<[string, Record<string, unknown>, string, number]>([
  ['as long as the endpoint says', { expires_in: 60 }, 'opaque', 60],
  ['said as a text', { expires_in: '60' }, 'opaque', 60],
  ['the default', {}, 'opaque', 300],
  ['nonsense is the default', { expires_in: 'soon' }, 'opaque', 300],
  ['no longer than the subject', { expires_in: 600 }, jwt({ exp: 1100 }), 100],
  ['a subject without an end', { expires_in: 600 }, jwt({ exp: 'never' }), 600],
])('a token is good for: %s', (_name, answer, subject, seconds) => {
  const clock = new TestClock();
  const how = { location: bearerLocation, defaultTtl: 300_000, clock };
  const issued = issuedToken({ access_token: 't', ...answer }, subject, how);
  expect(issued.expiresAt).toBe(clock.time + seconds * 1000);
});

test('a specification that stays keeps its tokens', () => {
  const clock = new TestClock();
  const spec = {};
  expect(tokenCacheOf(spec, 1, clock)).toBe(tokenCacheOf(spec, 1, clock));
  expect(tokenCacheOf({}, 1, clock)).not.toBe(tokenCacheOf(spec, 1, clock));
});
