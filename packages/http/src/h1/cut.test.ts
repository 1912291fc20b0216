import { expect, test } from 'vitest';
import { Headers } from '../headers.ts';
import { MemoryTransport } from '../memory-transport.ts';
import { Http1ClientConnection } from './client.ts';
import { get, Peer, readBody, recorder, Served, turns } from './fixtures.ts';

const requests: Record<string, string> = {
  plain: 'GET /a?b HTTP/1.1\r\nHost: a\r\nX-One:  two words \r\n\r\n',
  length: 'POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world',
  chunked:
    'POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n006\r\n world\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n',
  absolute: '\r\nGET http://b:80?q HTTP/1.1\r\nHost: a\r\n\r\n',
  pipelined:
    'POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost: a\r\n\r\nPOST /3 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nGET /4 HTTP/1.0\r\n\r\n',
  broken: 'POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nHost : a\r\n\r\n',
  'broken chunk': 'POST /1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n',
};

/** One piece per byte. */
function single(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (byte) => Buffer.from([byte]));
}

async function serve(pieces: Buffer[]): Promise<unknown> {
  const seen: string[] = [];
  const served = await new Served(recorder(seen)).send(...pieces);
  return { seen, text: served.peer.text.replace(/date: .*GMT/, 'date: x'), ended: served.peer.ended };
}

test.each(Object.entries(requests))('a request is the same wherever it is cut: %s', async (_name, text) => {
  const bytes = Buffer.from(text, 'latin1');
  const whole = await serve([bytes]);
  expect(whole).toMatchSnapshot();
  for (let at = 1; at < bytes.length; at++) {
    expect(await serve([bytes.subarray(0, at), bytes.subarray(at)]), `cut at ${at}`).toEqual(whole);
  }
  expect(await serve(single(bytes)), 'byte by byte').toEqual(whole);
});

const responses: Record<string, string> = {
  length: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nhello',
  chunked: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n',
  close: 'HTTP/1.0 404 Not Found\r\nX: y\r\n\r\nuntil the end',
  empty: 'HTTP/1.1 204\r\nX: y\r\n\r\n',
  interim:
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  broken: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!',
  short: 'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello',
  'broken chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab\r\nx',
  'cut chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
};

async function receive(pieces: Buffer[]): Promise<unknown> {
  const [near, far] = MemoryTransport.pair();
  const server = new Peer(far);
  const client = new Http1ClientConnection(near);
  const told: unknown[] = [];
  client.send(
    get(),
    {
      onResponse: (response) => {
        const { status, version, headers } = response;
        told.push({ status, version, headers: [...headers], body: readBody(response.body) });
      },
      onUpgrade: () => told.push('upgrade'),
      onInform: (status, headers) => told.push({ status, headers: [...headers] }),
      onError: (error) => told.push(error.name),
    },
    null,
  );
  for (const piece of pieces) {
    server.write(piece);
    await turns(2);
    while (near.waiting > 0 && !near.destroyed) await turns(1);
  }
  const { usable } = client;
  far.end();
  await turns();
  return { told, usable };
}

test.each(Object.entries(responses))('a response is the same wherever it is cut: %s', async (_name, text) => {
  const bytes = Buffer.from(text, 'latin1');
  const whole = await receive([bytes]);
  expect(whole).toMatchSnapshot();
  for (let at = 1; at < bytes.length; at++) {
    expect(await receive([bytes.subarray(0, at), bytes.subarray(at)]), `cut at ${at}`).toEqual(whole);
  }
  expect(await receive(single(bytes)), 'byte by byte').toEqual(whole);
});

test('the spelling of names is kept where it is asked for', async () => {
  let spelled = '';
  const served = new Served(
    (request, reply) => {
      spelled = request.headers.spellingAt(0);
      reply.destroy(new Error('enough'));
    },
    { preserveHeaderCase: true },
  );
  await served.send('GET / HTTP/1.1\r\nX-CaSe: y\r\n\r\n');
  expect(spelled).toBe('X-CaSe');
  expect(new Headers(['a', 'b']).spellingAt(0)).toBe('a');
});
