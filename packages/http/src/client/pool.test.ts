import { describe, expect, test } from 'vitest';
import { AddressSet } from '../dns/resolver.ts';
import type { Request } from '../message.ts';
import { turn } from '../test-clock.ts';
import type { Transport } from '../transport.ts';
import type { Retry } from './connection.ts';
import { Destination, type DestinationOptions } from './destination.ts';
import type { SendOptions } from './pool.ts';
import { type FakeConnection, fakePool, Outcome, requestOf } from './test-pool.ts';

const target = { address: '10.0.0.1', port: 80 };
const tls = { options: null, key: 'tls', alpn: null };

function scene(options: Partial<DestinationOptions> = {}, hosts: Record<string, string[]> = {}) {
  const fakes = fakePool(hosts);
  const destination = new Destination({ target, ...options });
  const send = (request: Request = requestOf(), more: SendOptions = {}, to = destination): Outcome => {
    const outcome = new Outcome();
    fakes.pool.send(request, to, { abort: outcome.abort, ...more }).then(
      (answer) => {
        outcome.answer = answer;
      },
      (error) => {
        outcome.error = error;
      },
    );
    return outcome;
  };
  const burst = (count: number, request = () => requestOf()): Outcome[] =>
    Array.from({ length: count }, () => send(request()));
  return { ...fakes, destination, send, burst };
}

const states = (outcomes: Outcome[]): string[] => outcomes.map((outcome) => outcome.state);
const nothing = { idle: 0, active: 0, connecting: 0, pending: 0, inFlight: 0 };

describe('HTTP/1', () => {
  test('one request per connection, and an idle one is used again, latest first', async () => {
    const { connector, send, pool, connects } = scene();
    const [a, b] = [send(), send()];
    expect(connector.dials.length).toBe(2);
    const first = (await connector.dials[0]?.succeed()) as FakeConnection;
    const second = (await connector.dials[1]?.succeed()) as FakeConnection;
    first.answer();
    second.answer();
    await turn();
    expect(states([a, b])).toEqual(['answered', 'answered']);
    expect(pool.counters()).toEqual({ ...nothing, idle: 2 });
    send();
    expect([first.active, second.active]).toEqual([0, 1]);
    send();
    expect([first.active, second.active]).toEqual([1, 1]);
    expect(connector.dials.length).toBe(2);
    expect(connects).toEqual(['plaintext 0', 'plaintext 0']);
  });

  test('a connection that is freed serves the oldest who waits, whoever caused the connect', async () => {
    const { connector, burst } = scene();
    const [a, b] = burst(2) as [Outcome, Outcome];
    const connection = (await connector.dials[1]?.succeed()) as FakeConnection;
    connection.answer();
    await turn();
    expect(states([a, b])).toEqual(['answered', 'open']);
    expect(connection.active).toBe(1);
    connection.answer();
    await turn();
    expect(b.state).toBe('answered');
  });

  test('who gives up leaves the connect running, and its connection goes idle', async () => {
    const { connector, send, pool } = scene();
    const outcome = send();
    outcome.abort.abort(new Error('client left'));
    await turn();
    expect(outcome.state).toBe('failed: Canceled');
    expect(pool.counters()).toEqual({ ...nothing, connecting: 1 });
    await connector.dials[0]?.succeed();
    expect(pool.counters()).toEqual({ ...nothing, idle: 1 });
    send();
    expect(connector.dials.length).toBe(1);
  });

  test('who was aborted before is not sent at all', async () => {
    const { connector, send } = scene();
    const gone = new Outcome();
    gone.abort.abort(new Error('gone'));
    const outcome = send(requestOf(), { abort: gone.abort });
    await turn();
    expect(outcome.state).toBe('failed: Canceled');
    expect(connector.dials).toEqual([]);
  });

  test('a failed connect fails one, with its error, and the others try again', async () => {
    const { connector, burst } = scene();
    const outcomes = burst(2);
    await connector.dials[0]?.fail(new Error('refused'));
    expect(states(outcomes)).toEqual(['failed: Connect', 'open']);
    expect(outcomes[0]?.error?.message).toBe('Connect: refused');
    await connector.dials[1]?.fail(new Error('refused too'));
    expect(states(outcomes)).toEqual(['failed: Connect', 'failed: Connect']);
    expect(outcomes[1]?.error?.message).toBe('Connect: refused too');
  });

  test('a response that nobody waits for any more is not delivered, and frees what it held', async () => {
    const { connector, send, pool } = scene();
    const outcome = send();
    await connector.dials[0]?.succeed();
    outcome.abort.abort(new Error('client left'));
    await turn();
    expect(outcome.state).toBe('failed: Canceled');
    expect(pool.counters()).toEqual(nothing);
  });
});

describe('HTTP/2', () => {
  const h2 = { version: 'http2' } as const;

  test('PROXY-65: a hundred requests to a cold upstream share one connection', async () => {
    const { connector, burst } = scene(h2);
    const outcomes = burst(100);
    expect(connector.dials.length).toBe(1);
    const connection = (await connector.dials[0]?.succeed('h2')) as FakeConnection;
    expect(connection.active).toBe(100);
    for (let i = 0; i < 100; i++) connection.answer();
    await turn();
    expect(new Set(states(outcomes))).toEqual(new Set(['answered']));
  });

  test('PROXY-65: the hundred and first brings a second connection', async () => {
    const { connector, burst } = scene(h2);
    burst(101);
    expect(connector.dials.length).toBe(2);
    const first = (await connector.dials[0]?.succeed('h2', 1_000)) as FakeConnection;
    const second = (await connector.dials[1]?.succeed('h2', 1_000)) as FakeConnection;
    expect([first.active, second.active]).toEqual([100, 1]);
  });

  test('PROXY-65: ALPN that settles on HTTP/1.1: one connection probes, then ten', async () => {
    const { connector, burst } = scene({ tls });
    const outcomes = burst(10);
    expect(connector.dials.length).toBe(1);
    expect(connector.dials[0]?.wire.alpn).toEqual(['h2', 'http/1.1']);
    await connector.dials[0]?.succeed('http/1.1');
    expect(connector.dials.length).toBe(10);
    for (const dial of connector.waiting) await dial.succeed('http/1.1');
    for (const connection of connector.made) connection.answer();
    await turn();
    expect(new Set(states(outcomes))).toEqual(new Set(['answered']));
  });

  test('what a peer really allows is learnt', async () => {
    const { connector, burst } = scene(h2);
    burst(25);
    await connector.dials[0]?.succeed('h2', 10);
    expect(connector.dials.length).toBe(3);
    await connector.dials[1]?.succeed('h2', 10);
    await connector.dials[2]?.succeed('h2', 10);
    burst(5);
    expect(connector.dials.length).toBe(3);
    burst(11);
    expect(connector.dials.length).toBe(5);
  });

  test('a connection with requests is preferred to an idle one', async () => {
    const { connector, burst, send } = scene(h2);
    burst(101);
    const first = (await connector.dials[0]?.succeed('h2')) as FakeConnection;
    const second = (await connector.dials[1]?.succeed('h2')) as FakeConnection;
    while (first.active > 1) first.answer();
    second.answer();
    send();
    expect([first.active, second.active]).toEqual([2, 0]);
  });

  test('a connection that goes away takes nothing new; its requests finish', async () => {
    const { connector, send, pool } = scene(h2);
    const a = send();
    const old = (await connector.dials[0]?.succeed('h2')) as FakeConnection;
    old.goAway();
    const b = send();
    await connector.dials[1]?.succeed('h2');
    expect(pool.counters().active).toBe(2);
    old.answer();
    connector.made[1]?.answer();
    await turn();
    expect(states([a, b])).toEqual(['answered', 'answered']);
    expect(pool.counters()).toEqual({ ...nothing, idle: 1 });
  });

  test('a peer that accepts no streams fails one request per connect, and ends', async () => {
    const { connector, burst } = scene(h2);
    const outcomes = burst(2);
    await connector.dials[0]?.succeed('h2', 0);
    expect(states(outcomes)).toEqual(['failed: Protocol', 'open']);
    await connector.dials[1]?.succeed('h2', 0);
    expect(states(outcomes)).toEqual(['failed: Protocol', 'failed: Protocol']);
    expect(connector.made.every((connection) => connection.destroyed)).toBe(true);
  });
});

describe('keys', () => {
  test('equal content shares connections, whoever wrote it down', async () => {
    const { connector, send } = scene();
    send();
    await connector.dials[0]?.succeed();
    connector.made[0]?.answer();
    send(requestOf(), {}, new Destination({ target: { host: '10.0.0.1', port: 80 } }));
    expect(connector.dials.length).toBe(1);
  });

  test.each([
    ['port', { target: { address: '10.0.0.1', port: 81 } }],
    ['TLS', { tls }],
    ['version', { version: 'http2' as const }],
    ['proxy', { proxy: { target, tls: null, authorization: null } }],
    ['keepalive', { keepalive: null }],
  ])('another %s does not', async (_, other) => {
    const { connector, send } = scene();
    send();
    await connector.dials[0]?.succeed();
    connector.made[0]?.answer();
    send(requestOf(), {}, new Destination({ target, ...other }));
    expect(connector.dials.length).toBe(2);
  });

  test.each([
    ['plaintext, as the request', {}, 'HTTP/1.1', undefined, 'http/1.1', null],
    ['plaintext, as the request', {}, 'HTTP/2.0', undefined, 'h2', null],
    ['plaintext, as preferred', {}, 'HTTP/2.0', 'http1', 'http/1.1', null],
    ['plaintext, decided', { version: 'http2' }, 'HTTP/1.1', undefined, 'h2', null],
    ['PROXY-63: TLS, undecided', { tls }, 'HTTP/1.1', undefined, 'http/1.1', ['h2', 'http/1.1']],
    ['PROXY-63: TLS, HTTP/1.1', { tls, version: 'http1' }, 'HTTP/2.0', undefined, 'http/1.1', ['http/1.1']],
    ['TLS, HTTP/2', { tls, version: 'http2' }, 'HTTP/1.1', undefined, 'h2', ['h2']],
    [
      'PROXY-63: ALPN before version',
      { tls: { ...tls, alpn: ['http/1.1'] }, version: 'http2' },
      'HTTP/2.0',
      undefined,
      'http/1.1',
      ['http/1.1'],
    ],
  ] as const)('%s', (_, options, version, preferred, protocol, alpn) => {
    const destination = new Destination({ target, ...options } as DestinationOptions);
    const wire = destination.wireFor(requestOf('GET', null, version), preferred);
    expect([wire.protocol, wire.alpn]).toEqual([protocol, alpn]);
  });

  test('an upgrade goes over HTTP/1.1 even where ALPN would decide', () => {
    const request = requestOf();
    request.headers.append('upgrade', 'websocket');
    expect(new Destination({ target, tls }).wireFor(request).alpn).toEqual(['http/1.1']);
  });

  test('a host that is no name is refused when the destination is made', () => {
    expect(() => new Destination({ target: { host: 'a..b', port: 80 } })).toThrow('not a host name');
  });
});

describe('time', () => {
  test('an idle connection is closed when its time is over, and the pool forgets it', async () => {
    const { connector, send, pool, clock } = scene({ poolIdleTimeout: 90_000 });
    send();
    const connection = (await connector.dials[0]?.succeed()) as FakeConnection;
    connection.answer();
    await clock.advance(89_999);
    expect(connection.closed).toBe(false);
    await clock.advance(1);
    expect(connection.closed).toBe(true);
    expect(pool.counters()).toEqual(nothing);
    await clock.advance(90_000);
    expect(clock.pending).toBe(0);
  });

  test('one whose time is over is not used, even if the sweep has not come yet', async () => {
    const { connector, send, clock } = scene({ poolIdleTimeout: 500 });
    send();
    const connection = (await connector.dials[0]?.succeed()) as FakeConnection;
    connection.answer();
    await clock.advance(500);
    expect(connection.closed).toBe(false);
    send();
    expect([connection.closed, connection.active, connector.dials.length]).toEqual([true, 0, 2]);
  });

  test('a connect that takes too long fails one request and is called off', async () => {
    const { connector, send, clock, pool } = scene({ connectTimeout: 5_000 });
    const outcome = send();
    await clock.advance(4_999);
    expect(outcome.state).toBe('open');
    await clock.advance(1);
    expect(outcome.state).toBe('failed: ConnectTimeout');
    expect(connector.dials[0]?.abort.reason).not.toBe(null);
    expect(pool.counters()).toEqual(nothing);
  });

  test('a connection that comes too late is closed', async () => {
    const { connector, send, clock } = scene({ connectTimeout: 5_000 });
    send();
    const { promise, resolve } = Promise.withResolvers<never>();
    connector.connect = () => promise;
    const late = send();
    await clock.advance(5_000);
    expect(late.state).toBe('failed: ConnectTimeout');
    let destroyed = false;
    resolve({ destroy: () => (destroyed = true) } as never);
    await turn();
    expect(destroyed).toBe(true);
  });

  test('a request has a time of its own for everything up to the response', async () => {
    const { connector, send, clock, pool } = scene();
    const [waits, sent] = [send(requestOf(), { timeout: 100 }), send(requestOf(), { timeout: 100 })];
    await connector.dials[0]?.succeed();
    await clock.advance(100);
    expect(states([waits, sent])).toEqual(['failed: Timeout', 'failed: Timeout']);
    expect(pool.counters()).toEqual({ ...nothing, connecting: 1 });
  });

  test('after the response, only the abort can reach it', async () => {
    const { connector, send, clock, pool } = scene();
    const outcome = send(requestOf(), { timeout: 100 });
    const connection = (await connector.dials[0]?.succeed()) as FakeConnection;
    connection.answer();
    await clock.advance(100);
    expect(outcome.state).toBe('answered');
    expect(pool.counters()).toEqual({ ...nothing, idle: 1 });
  });
});

describe('bounds', () => {
  test('more connections than allowed are not opened; requests wait their turn', async () => {
    const { connector, burst, pool } = scene({ maxConnections: 8 });
    const outcomes = burst(1_000);
    for (const dial of [...connector.dials]) await dial.succeed();
    expect(pool.counters()).toEqual({ idle: 0, active: 8, connecting: 0, pending: 992, inFlight: 1_000 });
    for (let answered = 0; answered < 1_000; answered++) connector.made[answered % 8]?.answer();
    await turn();
    expect(new Set(states(outcomes))).toEqual(new Set(['answered']));
    expect(connector.dials.length).toBe(8);
    expect(pool.counters()).toEqual({ ...nothing, idle: 8 });
  });

  test('requests beyond what may wait are refused at once', async () => {
    const { burst } = scene({ maxConnections: 1, maxPending: 3 });
    const outcomes = burst(5);
    await turn();
    expect(states(outcomes)).toEqual(['open', 'open', 'open', 'failed: Overflow', 'failed: Overflow']);
  });

  test('as are those beyond what may wait for an address', async () => {
    const { burst, resolver } = scene({ target: { host: 'slow.test', port: 80 }, maxPending: 2 });
    resolver.slow.set('slow.test', new Promise(() => {}));
    const outcomes = burst(3);
    await turn();
    expect(states(outcomes)).toEqual(['open', 'open', 'failed: Overflow']);
  });

  test('only so many idle ones are kept, and the oldest goes', async () => {
    const { connector, burst, pool } = scene({ poolMaxSize: 2 });
    burst(3);
    for (const dial of [...connector.dials]) await dial.succeed();
    for (const connection of connector.made) connection.answer();
    expect(connector.made.map((connection) => connection.closed)).toEqual([true, false, false]);
    expect(pool.counters().idle).toBe(2);
  });
});

describe('a kept connection that has died', () => {
  async function kept(request: Request, retry: Retry) {
    const fakes = scene();
    fakes.send();
    const connection = (await fakes.connector.dials[0]?.succeed()) as FakeConnection;
    connection.answer();
    const outcome = fakes.send(request);
    expect(connection.active).toBe(1);
    connection.die(retry);
    await turn();
    return { ...fakes, outcome };
  }
  const stream = { length: undefined, read() {}, pause() {}, resume() {}, cancel() {} };

  test.each([
    ['GET', requestOf(), { clean: true, bodyUntouched: false }],
    ['PUT with its bytes in hand', requestOf('PUT', Buffer.from('x')), { clean: true, bodyUntouched: false }],
    ['POST with an untouched stream', requestOf('POST', stream), { clean: true, bodyUntouched: true }],
    [
      'POST that the peer says it left alone',
      requestOf('POST', Buffer.from('x')),
      { clean: true, bodyUntouched: true, unprocessed: true },
    ],
  ])('%s is sent again', async (_, request, retry) => {
    const { connector, outcome } = await kept(request, retry);
    expect([outcome.state, connector.dials.length]).toEqual(['open', 2]);
    (await connector.dials[1]?.succeed())?.answer();
    await turn();
    expect(outcome.state).toBe('answered');
  });

  test.each([
    ['GET after a byte of an answer', requestOf(), { clean: false, bodyUntouched: true }],
    ['POST that was written', requestOf('POST', Buffer.from('x')), { clean: true, bodyUntouched: true }],
    ['POST without a body', requestOf('POST'), { clean: true, bodyUntouched: true }],
    ['PUT with a stream that was read', requestOf('PUT', stream), { clean: true, bodyUntouched: false }],
  ])('%s is not', async (_, request, retry) => {
    const { connector, outcome } = await kept(request, retry);
    expect([outcome.state, connector.dials.length]).toEqual(['failed: SendRequest', 1]);
  });

  test('on a new connection nothing is sent again', async () => {
    const { connector, send } = scene();
    const outcome = send();
    (await connector.dials[0]?.succeed())?.die();
    await turn();
    expect(outcome.state).toBe('failed: SendRequest');
  });

  test('the one that is sent again comes before those who wait', async () => {
    const { connector, send, burst } = scene({ maxConnections: 1 });
    send();
    const connection = (await connector.dials[0]?.succeed()) as FakeConnection;
    connection.answer();
    const again = send();
    const [later] = burst(1) as [Outcome];
    connection.die();
    (await connector.dials[1]?.succeed())?.answer();
    await turn();
    expect(states([again, later])).toEqual(['answered', 'open']);
  });

  test('an HTTP/2 peer that refuses and refuses is not asked for ever', async () => {
    const { connector, send } = scene({ version: 'http2' });
    send();
    const connection = (await connector.dials[0]?.succeed('h2')) as FakeConnection;
    const outcome = send();
    let refusals = 0;
    while (connection.taken.length > 1) {
      const [taken] = connection.taken.splice(1, 1);
      refusals++;
      taken?.handler.onError(new Error('refused stream'), { clean: true, bodyUntouched: true });
    }
    await turn();
    expect([outcome.state, refusals]).toEqual(['failed: SendRequest', 4]);
  });
});

describe('several addresses', () => {
  const two = { 'two.test': ['10.0.0.1', '10.0.0.2'] };
  const byName = { target: { host: 'two.test', port: 80 } };

  test('PROXY-62: requests alternate between them', async () => {
    const { connector, burst, send } = scene(byName, two);
    burst(2);
    expect(connector.dials.map((dial) => dial.address)).toEqual(['10.0.0.1', '10.0.0.2']);
    for (const dial of [...connector.dials]) (await dial.succeed()).answer();
    const [first, second] = connector.made as [FakeConnection, FakeConnection];
    send();
    expect([first.active, second.active]).toEqual([1, 0]);
    send();
    expect([first.active, second.active]).toEqual([1, 1]);
  });

  test('one that cannot be connected to is passed over for a while', async () => {
    const { connector, send, clock } = scene(byName, two);
    const outcome = send();
    await connector.dials[0]?.fail(new Error('refused'));
    expect(connector.dials.map((dial) => dial.address)).toEqual(['10.0.0.1', '10.0.0.2']);
    (await connector.dials[1]?.succeed())?.answer();
    await turn();
    expect(outcome.state).toBe('answered');
    send();
    send();
    expect(connector.dials.slice(2).map((dial) => dial.address)).toEqual(['10.0.0.2']);
    await clock.advance(10_000);
    connector.made[0]?.answer();
    send();
    send();
    expect(connector.dials.slice(3).map((dial) => dial.address)).toContain('10.0.0.1');
  });

  test('when all fail the request gets the last error', async () => {
    const { connector, send, pool } = scene(byName, two);
    const outcome = send();
    await connector.dials[0]?.fail(new Error('refused'));
    await connector.dials[1]?.fail(new Error('unreachable'));
    expect([outcome.state, outcome.error?.message]).toEqual(['failed: Connect', 'Connect: unreachable']);
    expect(connector.dials.length).toBe(2);
    expect(pool.counters()).toEqual(nothing);
  });

  test('one connect timeout is shared among them', async () => {
    const { connector, send, clock } = scene({ ...byName, connectTimeout: 10_000 }, two);
    const outcome = send();
    await clock.advance(5_000);
    expect(connector.dials.map((dial) => dial.address)).toEqual(['10.0.0.1', '10.0.0.2']);
    await clock.advance(4_999);
    expect(outcome.state).toBe('open');
    await clock.advance(1);
    expect(outcome.state).toBe('failed: ConnectTimeout');
  });

  test('one that answers again is good at once', async () => {
    const { connector, send } = scene(byName, two);
    send();
    await connector.dials[0]?.fail(new Error('refused'));
    await connector.dials[1]?.fail(new Error('refused'));
    send();
    await connector.dials[2]?.succeed();
    const recovered = connector.dials[2]?.address;
    send();
    send();
    expect(connector.dials.slice(3).map((dial) => dial.address)).toEqual([recovered, recovered]);
  });

  test('who gives up while the name is looked up is not sent', async () => {
    const { connector, send, resolver, pool } = scene({ target: { host: 'slow.test', port: 80 } });
    const answer = Promise.withResolvers<AddressSet>();
    resolver.slow.set('slow.test', answer.promise);
    const [gone, stays] = [send(), send()];
    expect(pool.counters()).toMatchObject({ pending: 2, inFlight: 2 });
    gone.abort.abort(new Error('left'));
    expect(pool.counters()).toMatchObject({ pending: 1, inFlight: 1 });
    answer.resolve(new AddressSet(['10.0.0.1']));
    await turn();
    expect([gone.state, stays.state, connector.dials.length]).toEqual(['failed: Canceled', 'open', 1]);
  });

  test('a bare stream takes the next address when one refuses, or takes more than its share of the time', async () => {
    const { pool, connector, clock, destination } = scene(
      { target: { host: 'three.test', port: 80 }, connectTimeout: 9_000 },
      { 'three.test': ['10.0.0.1', '10.0.0.2', '10.0.0.3'] },
    );
    connector.streams['10.0.0.2'] = () => Promise.reject(new Error('refused'));
    const stream = {} as Transport;
    connector.streams['10.0.0.3'] = () => Promise.resolve(stream);
    const opened = pool.open(destination);
    await clock.advance(2_999);
    expect(connector.opened).toEqual(['10.0.0.1']);
    await clock.advance(1);
    expect(await opened).toBe(stream);
    expect(connector.opened).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
    expect([clock.pending, pool.counters()]).toEqual([0, nothing]);
  });

  test('an unknown host fails by its own kind', async () => {
    const { send, pool } = scene({ target: { host: 'unknown.test', port: 80 } });
    const outcome = send();
    await turn();
    expect(outcome.state).toBe('failed: Dns');
    expect(pool.counters()).toEqual(nothing);
  });
});

describe('the end', () => {
  test('closing ends what is idle at once and the rest when it is over', async () => {
    const { connector, burst, send, pool } = scene({ maxConnections: 2 });
    const [a, b, waits] = burst(3) as [Outcome, Outcome, Outcome];
    const first = (await connector.dials[0]?.succeed()) as FakeConnection;
    const second = (await connector.dials[1]?.succeed()) as FakeConnection;
    pool.close();
    expect(send().state).toBe('open');
    expect([first.closed, second.closed]).toEqual([false, false]);
    first.answer();
    second.answer();
    first.answer();
    await turn();
    expect(states([a, b, waits])).toEqual(['answered', 'answered', 'answered']);
    expect([first.closed, second.closed]).toEqual([true, true]);
    expect(pool.counters()).toEqual(nothing);
  });

  test('destroying ends everything: idle, busy, connecting and waiting', async () => {
    const { connector, burst, pool, clock } = scene({ maxConnections: 2 });
    const outcomes = burst(3);
    await connector.dials[0]?.succeed();
    pool.destroy();
    await turn();
    expect(states(outcomes)).toEqual(['failed: Closed', 'failed: Closed', 'failed: Closed']);
    expect(connector.made.map((connection) => connection.destroyed)).toEqual([true]);
    expect(connector.dials[1]?.abort.reason).not.toBe(null);
    expect(pool.counters()).toEqual(nothing);
    expect(clock.pending).toBe(0);
  });
});
