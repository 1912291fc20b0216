import { afterEach, expect, test, vi } from 'vitest';
import type { BodyStream } from '../body.ts';
import { Headers } from '../headers.ts';
import { Response } from '../message.ts';
import type { Handler, Reply } from '../server/handler.ts';
import { closeAll, ManualBody, Peer, readBody, Served, text, turns } from './fixtures.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const dated = (...pairs: [string, string][]): Headers => Headers.of(['date', 'x'], ...pairs);

/** Keeps the replies for the test to answer; notes how each exchange ended. */
function keeper(): { replies: Reply[]; ends: (string | null)[]; bodies: (BodyStream | null)[]; handler: Handler } {
  const replies: Reply[] = [];
  const ends: (string | null)[] = [];
  const bodies: (BodyStream | null)[] = [];
  return {
    replies,
    ends,
    bodies,
    handler(request, reply) {
      replies.push(reply);
      bodies.push(request.body as BodyStream | null);
      reply.onClosed = (error) => ends.push(error === null ? null : error.message);
    },
  };
}

afterEach(() => {
  closeAll();
  vi.useRealTimers();
});

const framings: [name: string, request: string, response: () => Response, wire: string][] = [
  ['bytes', GET, () => text(200, 'hi'), 'HTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 2\r\n\r\nhi'],
  ['nothing', GET, () => new Response(200, dated(), null), 'HTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 0\r\n\r\n'],
  ['204', GET, () => new Response(204, dated(), Buffer.from('x')), 'HTTP/1.1 204 No Content\r\ndate: x\r\n\r\n'],
  [
    '304',
    GET,
    () => new Response(304, dated(['content-length', '7']), null),
    'HTTP/1.1 304 Not Modified\r\ndate: x\r\n\r\n',
  ],
  [
    'framing fields of others',
    GET,
    () =>
      new Response(
        200,
        dated(['content-length', '9'], ['transfer-encoding', 'chunked'], ['connection', 'close'], ['keep-alive', 'x']),
        Buffer.from('hi'),
      ),
    'HTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 2\r\n\r\nhi',
  ],
  [
    'HEAD with the length of what is not sent',
    'HEAD / HTTP/1.1\r\n\r\n',
    () => new Response(200, dated(['content-length', '7']), null),
    'HTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 7\r\n\r\n',
  ],
  [
    'HEAD with bytes',
    'HEAD / HTTP/1.1\r\n\r\n',
    () => text(200, 'hi'),
    'HTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 2\r\n\r\n',
  ],
  [
    'HTTP/1.0',
    'GET / HTTP/1.0\r\n\r\n',
    () => text(200, 'hi'),
    'HTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi',
  ],
  [
    'HTTP/1.0 that stays',
    'GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n',
    () => text(200, 'hi'),
    'HTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nhi',
  ],
  [
    'a client that leaves',
    'GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n',
    () => text(200, 'hi'),
    'HTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi',
  ],
  ...['a\r\nb', 'a\nb', 'a\0b', '\u010a', 'a\rb'].map((value): [string, string, () => Response, string] => [
    `a value that breaks the head: ${JSON.stringify(value)}`,
    GET,
    () => new Response(200, dated(['x', value]), Buffer.from('hi')),
    'HTTP/1.1 500 ',
  ]),
  ['a name that breaks the head', GET, () => new Response(200, new Headers(['x: y\r\nz', 'v']), null), 'HTTP/1.1 500 '],
];

test.each(framings)('writes %s', async (_name, request, response, wire) => {
  const served = new Served((_request, reply) => reply.respond(response()));
  await served.send(request);
  if (wire.endsWith(' ')) {
    expect(served.peer.text.startsWith(wire)).toBe(true);
    expect(served.peer.text).not.toMatch(/^x: /m);
  } else expect(served.peer.text).toBe(wire);
  expect(served.peer.ended).toBe(wire.includes('connection: close'));
  expect(served.transport.writes).toBe(1);
});

test('adds the date', async () => {
  const served = new Served((_request, reply) => reply.respond(new Response(200, new Headers(), null)));
  await served.send(GET);
  expect(served.peer.text).toMatch(/\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n/);
});

test('a stream of unknown length is chunked, with trailers, one write per turn', async () => {
  const body = new ManualBody();
  const { replies, ends, handler } = keeper();
  const served = new Served(handler);
  await served.send(GET);
  replies[0]?.respond(new Response(200, dated(), body));
  body.data('one');
  body.data('two!');
  await turns();
  expect(served.transport.writes).toBe(1);
  expect(served.peer.text).toBe(
    'HTTP/1.1 200 OK\r\ndate: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n4\r\ntwo!\r\n',
  );
  body.consumer?.onTrailers(Headers.of(['x-sum', '1'], ['content-length', '5']));
  body.consumer?.onEnd();
  expect(ends).toEqual([null]);
  expect(replies[0]?.bodyBytes).toBe(7);
  await turns();
  expect(served.peer.text.endsWith('0\r\nx-sum: 1\r\n\r\n')).toBe(true);
  expect(served.transport.writes).toBe(2);
  await served.send(GET);
  expect(replies.length).toBe(2);
});

test.each([
  ['too short', 'abc'],
  ['too long', 'abcdef'],
])('a stream that is %s for its length breaks the connection', async (_name, data) => {
  const body = new ManualBody(5);
  const { replies, ends, handler } = keeper();
  const served = new Served(handler);
  await served.send(GET);
  replies[0]?.respond(new Response(200, dated(), body));
  body.data(data);
  body.consumer?.onEnd();
  await turns();
  expect(ends).toEqual([expect.stringContaining('content-length')]);
  expect(served.peer.closed || served.peer.ended).toBe(true);
  if (data.length > 5) expect(body.cancelled).not.toBeNull();
});

test('a stream that breaks never ends well', async () => {
  const body = new ManualBody();
  const { replies, ends, handler } = keeper();
  const served = new Served(handler);
  await served.send(GET);
  replies[0]?.respond(new Response(200, dated(), body));
  body.data('one');
  await turns();
  body.data('last words');
  body.consumer?.onError(new Error('upstream broke'));
  expect(ends).toEqual(['upstream broke']);
  await turns();
  expect(served.peer.text).toMatch(/\r\na\r\nlast words\r\n$/);
  expect(served.peer.ended).toBe(true);
  await served.send(GET);
  expect(replies.length).toBe(1);
});

test('a stream that breaks is no whole message to HTTP/1.0 either', async () => {
  const body = new ManualBody();
  const { replies, ends, handler } = keeper();
  const served = new Served(handler);
  await served.send('GET / HTTP/1.0\r\n\r\n');
  replies[0]?.respond(new Response(200, dated(), body));
  body.data('one');
  body.consumer?.onError(new Error('upstream broke'));
  expect(ends).toEqual(['upstream broke']);
  expect(served.transport.destroyed).toBe(true);
});

test('HTTP/1.0 gets an unknown length until the end', async () => {
  const body = new ManualBody();
  const { replies, handler } = keeper();
  const served = new Served(handler);
  await served.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
  replies[0]?.respond(new Response(200, dated(), body));
  body.data('one');
  body.consumer?.onEnd();
  await turns();
  expect(served.peer.text).toBe('HTTP/1.1 200 OK\r\ndate: x\r\nconnection: close\r\n\r\none');
  expect(served.peer.ended).toBe(true);
});

test('a slow reader stops the producer, and starts it again', async () => {
  const body = new ManualBody();
  const { replies, handler } = keeper();
  const served = new Served(handler);
  await served.send(GET);
  served.peer.transport.pause();
  replies[0]?.respond(new Response(200, dated(), body));
  let sent = 0;
  while (!body.paused && sent < 100) {
    body.data(Buffer.alloc(10_000));
    sent++;
    await turns(1);
  }
  expect(body.calls).toEqual(['read', 'pause']);
  expect(sent).toBeLessThan(10);
  served.peer.transport.resume();
  await turns();
  expect(body.calls).toEqual(['read', 'pause', 'resume']);
});

test('requests come one after the other, and pipelined ones wait within bounds', async () => {
  const { replies, handler } = keeper();
  const served = new Served(handler);
  await served.send(GET.repeat(2000));
  expect(replies.length).toBe(1);
  expect(served.transport.pauses).toBe(1);
  for (let i = 0; i < 2000; i++) {
    replies[i]?.respond(text(200, ''));
    await turns(2);
  }
  expect(replies.length).toBe(2000);
  await turns();
  expect(served.peer.text.split('HTTP/1.1 200').length).toBe(2001);
});

test('who does not read answers is not served more of them', async () => {
  let served = 0;
  const { peer } = new Served((_request, reply) => {
    served++;
    reply.respond(new Response(200, dated(), Buffer.alloc(50_000)));
  });
  peer.write(GET.repeat(50));
  peer.transport.pause();
  await turns();
  expect(served).toBe(2);
  peer.transport.end();
  peer.transport.resume();
  await turns(300);
  expect(served).toBe(50);
  expect(peer.text.length).toBeGreaterThan(50 * 50_000);
  expect(peer.closed).toBe(true);
});

test('a connection that drains ends when the left-over body has come', async () => {
  const { replies, handler } = keeper();
  const served = new Served(handler);
  await served.send('POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc');
  replies[0]?.respond(text(200, ''));
  await turns();
  served.connection.drain();
  expect(served.transport.ended).toBe(false);
  await served.send('defghij');
  expect(served.peer.ended).toBe(true);
});

test.each([101, 100, 42, 1000])('status %i is no final response', async (status) => {
  const served = new Served((_request, reply) => reply.respond(new Response(status, dated(), null)));
  await served.send(GET);
  expect(served.peer.text).toContain('HTTP/1.1 500 ');
});

test('an answer that comes too late goes nowhere', async () => {
  const { replies, handler } = keeper();
  const served = new Served(handler);
  await served.send(GET + GET);
  replies[0]?.respond(text(200, 'first'));
  const late = new ManualBody();
  replies[0]?.respond(new Response(200, dated(), late));
  replies[0]?.respond(text(200, 'again'));
  await turns();
  expect(replies.length).toBe(2);
  expect(late.cancelled).not.toBeNull();
  expect(served.peer.text.match(/HTTP\/1.1/g)?.length).toBe(1);
});

test('100 is sent when the body is first read, and not before', async () => {
  const { replies, bodies, handler } = keeper();
  const served = new Served(handler);
  await served.send('POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n');
  expect(served.peer.text).toBe('');
  const read = readBody(bodies[0] ?? null);
  await turns();
  expect(served.peer.text).toBe('HTTP/1.1 100 Continue\r\n\r\n');
  await served.send('ok');
  expect(read).toMatchObject({ text: 'ok', end: 'end' });
  replies[0]?.respond(text(200, ''));
  await turns();
  expect(served.peer.text).toContain('HTTP/1.1 200 OK');
  expect(served.peer.ended).toBe(false);
});

test('a response before the 100 ends the connection', async () => {
  const { replies, handler } = keeper();
  const served = new Served(handler);
  await served.send('POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n');
  replies[0]?.respond(text(413, ''));
  await turns();
  expect(served.peer.text).not.toContain('100 Continue');
  expect(served.peer.text).toContain('connection: close');
  expect(served.peer.ended).toBe(true);
});

test('an unread body is read past if it is small', async () => {
  const { replies, handler } = keeper();
  const served = new Served(handler);
  await served.send('POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc');
  replies[0]?.respond(text(200, ''));
  await served.send('defghij', GET);
  expect(replies.length).toBe(2);
  replies[1]?.respond(text(200, ''));
  await served.send('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n');
  replies[2]?.respond(text(200, ''));
  await served.send(`7\r\ndefghij\r\n0\r\n\r\n${GET}`);
  expect(replies.length).toBe(4);
});

test.each([
  ['announced', 'POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n', 'x'.repeat(99_000)],
  ['chunked', 'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n', `18000\r\n${'x'.repeat(98_000)}`],
])('an unread body ends the connection if it is large: %s', async (_name, head, data) => {
  const { replies, handler } = keeper();
  const served = new Served(handler);
  await served.send(head);
  replies[0]?.respond(text(200, ''));
  await served.send(data, GET);
  expect(replies.length).toBe(1);
  expect(served.peer.ended).toBe(true);
  expect(served.peer.text.match(/HTTP\/1.1/g)?.length).toBe(1);
});

test('a cancelled body is read past like an unread one', async () => {
  const { replies, bodies, handler } = keeper();
  const served = new Served(handler);
  await served.send('POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc');
  const read = readBody(bodies[0] ?? null);
  bodies[0]?.cancel(new Error('enough'));
  await served.send('def');
  expect(read).toMatchObject({ text: 'abc', end: 'none' });
  replies[0]?.respond(text(200, ''));
  await served.send('ghij', GET);
  expect(replies.length).toBe(2);
});

test('a body that is still read when the exchange ends is an error to its reader', async () => {
  const { replies, bodies, handler } = keeper();
  const served = new Served(handler);
  await served.send('POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc');
  const read = readBody(bodies[0] ?? null);
  replies[0]?.respond(text(200, ''));
  expect(read).toMatchObject({ text: 'abc', end: 'IncompleteMessage' });
});

test('a broken chunk is answered for a handler that has not answered', async () => {
  const { bodies, ends, handler } = keeper();
  const served = new Served(handler);
  await served.send('POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n');
  const read = readBody(bodies[0] ?? null);
  await served.send('3\r\nabcd\r\n');
  expect(read).toMatchObject({ text: 'abc', end: 'MalformedMessage' });
  expect(ends).toEqual(['invalid end of chunk']);
  expect(served.peer.text).toMatch(/^HTTP\/1.1 400 /);
  expect(served.peer.ended).toBe(true);
});

test('nobody reads: the sender is stopped', async () => {
  const { bodies, handler } = keeper();
  const served = new Served(handler);
  await served.send('POST / HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n');
  for (let i = 0; i < 4; i++) await served.send(Buffer.alloc(i < 2 ? 10_000 : 0));
  expect(served.transport.pauses).toBe(1);
  let read = 0;
  bodies[0]?.read({ onData: (chunk) => (read += chunk.length), onTrailers() {}, onEnd() {}, onError() {} });
  expect(read).toBe(20_000);
});

test('the client leaves: body and reply hear of it in one turn', async () => {
  const { bodies, ends, handler } = keeper();
  const served = new Served(handler);
  await served.send('POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc');
  const order: string[] = [];
  bodies[0]?.read({ onData() {}, onTrailers() {}, onEnd() {}, onError: (error) => order.push(error.name) });
  served.connection.destroy(new Error('gone'));
  expect(order).toEqual(['Error']);
  expect(ends).toEqual(['gone']);
});

test('a body that the client cuts is an error', async () => {
  const { bodies, ends, handler } = keeper();
  const served = new Served(handler);
  await served.send('POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc');
  const read = readBody(bodies[0] ?? null);
  served.peer.transport.end();
  await turns();
  expect(read.end).toBe('IncompleteMessage');
  expect(ends.length).toBe(1);
  expect(served.connection.active).toBe(0);
});

test('a client that has ended its side still gets its responses', async () => {
  const { replies, ends, handler } = keeper();
  const served = new Served(handler);
  served.peer.write(GET + GET);
  served.peer.transport.end();
  await turns();
  expect(ends).toEqual([]);
  replies[0]?.respond(text(200, 'one'));
  await turns();
  replies[1]?.respond(text(200, 'two'));
  await turns();
  expect(served.peer.text).toMatch(/one[\s\S]*connection: close[\s\S]*two$/);
  expect(served.peer.closed).toBe(true);
});

test('a client that has ended its side is gone where that is said', async () => {
  const { ends, handler } = keeper();
  const served = new Served(handler, { halfClose: false });
  served.peer.write(GET);
  served.peer.transport.end();
  await turns();
  expect(ends.length).toBe(1);
  expect(served.transport.destroyed).toBe(true);
});

test('drain closes an idle connection at once', async () => {
  const { handler } = keeper();
  const served = new Served(handler);
  served.connection.drain();
  expect(served.transport.destroyed).toBe(true);
});

test('drain lets a running exchange end and says that it is the last', async () => {
  const { replies, handler } = keeper();
  const served = new Served(handler);
  await served.send(GET);
  served.connection.drain();
  expect(served.connection.active).toBe(1);
  replies[0]?.respond(text(200, 'x'));
  await turns();
  expect(served.peer.text).toContain('connection: close');
  expect(served.peer.ended).toBe(true);
});

test('an idle connection and a slow head are closed without a word', async () => {
  for (const bytes of ['', 'GET / HT', GET.slice(0, -2)]) {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    const served = new Served(() => {}, { idleTimeout: 5_000 });
    await served.send(bytes);
    vi.advanceTimersByTime(4_900);
    expect(served.transport.destroyed).toBe(false);
    if (bytes !== '') await served.send('X');
    vi.advanceTimersByTime(600);
    expect(served.transport.destroyed).toBe(true);
    await turns();
    expect(served.peer.text).toBe('');
    vi.useRealTimers();
  }
});

test('no timer runs against an exchange; PROXY-24: an old connection ends after it', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
  const { replies, handler } = keeper();
  const served = new Served(handler, { idleTimeout: 500, maxConnectionAge: 1_000 });
  await served.send(GET);
  vi.advanceTimersByTime(60_000);
  expect(served.transport.destroyed).toBe(false);
  replies[0]?.respond(text(200, 'x'));
  await turns();
  expect(served.peer.text).toContain('connection: close');
});

test('interim responses stand before the final one, and 100 is nobody else’s', async () => {
  const served = new Served((_request, reply) => {
    reply.inform(100, new Headers());
    reply.inform(103, Headers.of(['link', '</a>']));
    reply.respond(text(200, 'x'));
    reply.inform(103, new Headers());
  });
  await served.send(GET);
  expect(served.peer.text).toBe(
    'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ndate: x\r\ncontent-length: 1\r\n\r\nx',
  );
});

test('an upgraded connection begins with the bytes behind the request', async () => {
  const ends: unknown[] = [];
  let upgraded: Peer | null = null;
  const served = new Served((_request, reply) => {
    expect(reply.upgradable).toBe(true);
    reply.onClosed = (error) => ends.push(error);
    const transport = reply.upgrade(new Response(101, Headers.of(['upgrade', 'echo']), null));
    setImmediate(() => {
      upgraded = new Peer(transport);
    });
  });
  await served.send('GET / HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\nearly');
  expect(served.peer.text).toBe('HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n');
  await served.send(' late');
  const peer = upgraded as Peer | null;
  expect(peer?.text).toBe('early late');
  expect(served.connection.active).toBe(1);
  served.connection.drain();
  peer?.write('back');
  peer?.transport.end();
  await turns();
  expect(served.peer.text.endsWith('back')).toBe(true);
  expect(ends).toEqual([]);
  served.peer.transport.end();
  await turns();
  expect(ends).toEqual([null]);
  expect(served.connection.active).toBe(0);
});

test('CONNECT opens a tunnel', async () => {
  let target = '';
  const served = new Served((request, reply) => {
    target = `${request.authority}|${request.path}|${request.headers.has('host')}`;
    const peer = new Peer(reply.upgrade(new Response(200, new Headers(), null)));
    peer.write(`got ${peer.text}`);
  });
  await served.send('CONNECT h:1 HTTP/1.1\r\nHost: other\r\n\r\nhello');
  expect(target).toBe('h:1||false');
  expect(served.peer.text).toMatch(/^HTTP\/1.1 200 OK\r\ndate: .*\r\n\r\ngot hello$/);
});

test('only who asked is upgraded', async () => {
  const upgradable: boolean[] = [];
  const served = new Served((_request, reply) => {
    upgradable.push(reply.upgradable);
    expect(() => reply.upgrade(new Response(101, new Headers(), null))).toThrow();
    reply.respond(text(200, ''));
  });
  await served.send(GET, 'GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n', 'GET / HTTP/1.1\r\nConnection: upgrade\r\n\r\n');
  expect(upgradable).toEqual([false, false, false]);
});

test('a handler that throws is answered for', async () => {
  const served = new Served(() => {
    throw new Error('secret');
  });
  await served.send(GET);
  expect(served.peer.text).toContain('HTTP/1.1 500');
  expect(served.peer.text).not.toContain('secret');
});

test('destroy drops the client', async () => {
  const { replies, ends, handler } = keeper();
  const served = new Served(handler);
  await served.send(GET);
  replies[0]?.destroy(new Error('enough'));
  expect(ends).toEqual(['enough']);
  expect(served.transport.destroyed).toBe(true);
});
