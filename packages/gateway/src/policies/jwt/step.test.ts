import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../pipeline/errors.ts';
import type { RemoteDocument } from '../../pipeline/remote-document.ts';
import { bearerLocation } from '../credential.ts';
import { testExchange, testPorts } from '../testing.ts';
import { compileKeySet, type KeySet } from './key-set.ts';
import type { JwksSource, JwtAuthSpec } from './spec.ts';
import { compileJwtAuth } from './step.ts';
import { type TestKey, testKey, tokenOf } from './testing.ts';

const NOW = 1_700_000_000_000;
const key = testKey('one');
const claims = { iss: 'https://a.test', sub: 'alice', exp: NOW / 1000 + 300 };
const good = tokenOf(key, claims);

function keysOf(...keys: TestKey[]): KeySet {
  const compiled = compileKeySet({ keys: keys.map(({ jwk }) => jwk) });
  if ('error' in compiled) throw new Error(compiled.error);
  return compiled.keys;
}

/** The policy on a clock that can be moved, and where there is a document, with its keys in the test's hand. */
class Fixture {
  now = NOW;
  readonly document = {
    current: null as KeySet | null,
    failure: null as string | null,
    waiting: null as PromiseWithResolvers<void> | null,
    asked: [] as string[],
    ready() {
      this.asked.push('ready');
      return this.waiting?.promise ?? null;
    },
    refetch() {
      this.asked.push('refetch');
      return this.waiting?.promise ?? null;
    },
  };
  readonly step: ReturnType<typeof compileJwtAuth>;

  constructor(spec: Partial<JwtAuthSpec> = {}, jwks: JwksSource = { keys: keysOf(key).publicKeys }) {
    const provider = { issuer: 'https://a.test', requiredClaims: ['exp'], jwks };
    const ports = testPorts({
      clock: { now: () => 0, epoch: () => this.now, monotonic: () => 0n },
      remoteDocument: <T>() => this.document as RemoteDocument<unknown> as RemoteDocument<T>,
    });
    this.step = compileJwtAuth({ mode: 'strict', location: bearerLocation, providers: [provider], ...spec }, ports);
  }

  /** What the request comes to, at once or later. */
  ask(token: string | null, given: Parameters<typeof testExchange>[0] = {}) {
    const headers: [string, string][] = token === null ? [] : [['authorization', `Bearer ${token}`]];
    const exchange = testExchange({ headers, ...given });
    exchange.record.path = exchange.request.path;
    const result = this.step(exchange);
    return result instanceof Promise ? result.then((later) => told(later)) : told(result);

    function told(answer: unknown) {
      if (answer instanceof GatewayError) return `${answer.status} ${answer.reason} ${answer.message}`;
      expect(answer).toBeUndefined();
      return { jwt: exchange.jwt?.claims ?? null, forwarded: exchange.request.headers.has('authorization') };
    }
  }
}

const remote: JwksSource = {
  url: 'https://idp.test/',
  target: { $backend: { address: { path: '/x' } }, policies: [] },
};
const accepted = { jwt: claims, forwarded: false };
const missing = '401 JwtAuth authentication failure: no bearer token found';
const silent = '503 JwtAuth authentication failure: the keys of the issuer are not available';
const unknown = '401 JwtAuth authentication failure: token uses the unknown key "two"';

describe('modes', () => {
  const expired = '401 JwtAuth authentication failure: the token is invalid or malformed: it has expired';
  test.each<[mode: JwtAuthSpec['mode'], none: unknown, bad: unknown]>([
    ['strict', missing, expired],
    ['optional', { jwt: null, forwarded: false }, expired],
    ['permissive', { jwt: null, forwarded: false }, { jwt: null, forwarded: true }],
  ])('%s', (mode, none, bad) => {
    const fixture = new Fixture({ mode });
    expect(fixture.ask(null)).toEqual(none);
    expect(fixture.ask(tokenOf(key, { ...claims, exp: 1 }))).toEqual(bad);
    expect(fixture.ask(good)).toEqual(accepted);
  });
});

test('a token that is shown again costs no signature, until it expires', () => {
  const fixture = new Fixture();
  const first = testExchange({ headers: [['authorization', `Bearer ${good}`]] });
  const again = testExchange({ headers: [['authorization', `bearer ${good}`]] });
  fixture.step(first);
  fixture.step(again);
  expect(again.jwt).toBe(first.jwt);
  expect(again.record.jwtSub).toBe('alice');
  expect(again.request.headers.has('authorization')).toBe(false);
  fixture.now = NOW + 360_001;
  expect(fixture.ask(good)).toMatch(/it has expired/);
});

test('a token in the query is kept out of the record, good or not', () => {
  const fixture = new Fixture({ location: { queryParameter: { name: 't' } }, mode: 'permissive' });
  for (const token of [good, 'x.y.z']) {
    const exchange = testExchange({ path: `/p?a=1&t=${token}` });
    exchange.record.path = exchange.request.path;
    fixture.step(exchange);
    expect(exchange.record.path).toBe('/p?a=1');
    expect(exchange.request.path).toBe(token === good ? '/p?a=1' : '/p?a=1&t=x.y.z');
  }
});

test('no error holds the token', () => {
  const fixture = new Fixture();
  const [header, payload, signature] = tokenOf(testKey('one'), claims).split('.') as [string, string, string];
  for (const part of [header, payload, signature]) {
    expect(JSON.stringify(fixture.ask(`${header}.${payload}.${signature}`))).not.toContain(part);
    expect(JSON.stringify(fixture.ask(part))).not.toContain(part);
  }
});

describe('keys of a server', () => {
  test('the first requests wait for them', async () => {
    const fixture = new Fixture({}, remote);
    fixture.document.waiting = Promise.withResolvers();
    const answers = [fixture.ask(good), fixture.ask(tokenOf(key, { ...claims, exp: 1 }))];
    // What can be judged without keys is.
    expect(fixture.ask(null)).toBe(missing);
    expect(fixture.ask('x.y.z')).toMatch(/^401 .*malformed/);
    expect(fixture.ask(tokenOf(key, { ...claims, iss: 'https://b.test' }))).toMatch(/^401/);
    fixture.document.current = keysOf(key);
    fixture.document.waiting.resolve();
    expect(await answers[0]).toEqual(accepted);
    expect(await answers[1]).toMatch(/it has expired/);
    expect(fixture.ask(good)).toEqual(accepted);
  });

  test.each<[mode: JwtAuthSpec['mode'], none: unknown, some: unknown]>([
    ['strict', missing, silent],
    ['optional', { jwt: null, forwarded: false }, silent],
    ['permissive', { jwt: null, forwarded: false }, { jwt: null, forwarded: true }],
  ])('where there are none, %s says so at once', (mode, none, some) => {
    const fixture = new Fixture({ mode }, remote);
    fixture.document.failure = 'status 500';
    expect(fixture.ask(null)).toEqual(none);
    expect(fixture.ask(good)).toEqual(some);
  });

  test('a token of a key that is not there is a reason to look again', async () => {
    const two = testKey('two');
    const fixture = new Fixture({}, remote);
    fixture.document.current = keysOf(key);
    expect(fixture.ask(tokenOf(two, claims))).toBe(unknown);
    fixture.document.waiting = Promise.withResolvers();
    const answer = fixture.ask(tokenOf(two, claims));
    // Nobody else waits, and for the tokens of others nobody looks.
    expect(fixture.ask(good)).toEqual(accepted);
    expect(fixture.ask(tokenOf(two, { ...claims, iss: 'https://b.test' }))).toBe(unknown);
    fixture.document.current = keysOf(two);
    fixture.document.waiting.resolve();
    expect(await answer).toEqual({ ...accepted });
    expect(fixture.document.asked).toEqual(['refetch', 'refetch']);
    // The key is gone, and what was remembered of it.
    fixture.document.waiting = null;
    expect(fixture.ask(good)).toBe('401 JwtAuth authentication failure: token uses the unknown key "one"');
  });

  test('a key that is not there after looking again either', async () => {
    const fixture = new Fixture({}, remote);
    fixture.document.current = keysOf(key);
    fixture.document.waiting = Promise.withResolvers();
    const answer = fixture.ask(tokenOf(testKey('two'), claims));
    fixture.document.waiting.resolve();
    expect(await answer).toBe(unknown);
  });
});
