import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { H2Client } from './support/h2-client.ts';
import { H2Upstream } from './support/h2-upstream.ts';
import { RawClient } from './support/raw.ts';
import { verifies } from './verifies.ts';

const to = (host: string, config = '{}') => `
config: ${config}
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${host}" } ] } ]
`;

/** An upstream that sends an event and then waits for the test. */
async function eventStream() {
  const streams: ServerResponse[] = [];
  const echo = await EchoServer.start('events', (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: first\n\n');
    streams.push(response);
  });
  return { echo, streams };
}

test('a stream may end within the deadline; idle connections go at once', async () => {
  const { echo, streams } = await eventStream();
  await using _echo = echo;
  await using gw = await gateway(to(echo.host, '{ connectionTerminationDeadline: 1h }'));
  await using idle = await RawClient.connect(gw.port);
  await using client = await RawClient.connect(gw.port);
  client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await client.until('first');
  const drained = gw.drain();
  expect(await idle.end()).toBe('');
  expect(client.state).toBe('open');
  streams[0]?.end('data: last\n\n');
  expect(await client.end()).toContain('last');
  await drained;
  await expect(ask(gw.port)).rejects.toThrow('ECONNREFUSED');
  expect(gw.lines).toHaveLength(1);
  expect(gw.lines[0]).not.toHaveProperty('error');
});

test('a stream that does not end is cut at the deadline, visibly', async () => {
  verifies('PROXY-68');
  const { echo } = await eventStream();
  await using _echo = echo;
  await using gw = await gateway(
    to(echo.host, '{ connectionMinTerminationDeadline: 30ms, connectionTerminationDeadline: 30ms }'),
  );
  await using client = await RawClient.connect(gw.port);
  client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await client.until('first');
  const drained = gw.drain();
  // Until the shortest drain is over, all is as before.
  await using late = await RawClient.connect(gw.port);
  late.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await late.until('first');
  await client.end();
  expect([client.state, client.text]).toEqual(['reset', '\n\n\r\n']);
  await drained;
  expect(await gw.line(2)).toMatchObject({ 'http.status': 200, error: 'cut off: the gateway is shutting down' });
});

test('clients of HTTP/2 are told to leave, and what they are doing is finished', async () => {
  verifies('PROXY-68');
  const open = Promise.withResolvers<() => void>();
  await using upstream = await H2Upstream.start((_request, response) => {
    response.write('first');
    open.resolve(() => response.end(' last'));
  });
  await using gw = await gateway(to(upstream.host, '{ connectionTerminationDeadline: 1h }'));
  await using client = new H2Client(gw.url(''));
  const answer = client.ask({ ':path': '/' });
  const finish = await open.promise;
  const drained = gw.drain();
  expect(await client.goaway).toBe(0);
  finish();
  expect(await answer).toMatchObject({ status: 200, text: 'first last', code: 0 });
  await drained;
});

test('a WebSocket holds the drain up to its deadline', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await using gw = await gateway(to(`127.0.0.1:${port}`, '{ connectionTerminationDeadline: 20ms }'));
  const socket = new WebSocket(`ws://127.0.0.1:${gw.port}/`);
  socket.on('error', () => {});
  await once(socket, 'open');
  const closed = once(socket, 'close');
  await gw.drain();
  expect((await closed)[0]).toBe(1006);
  for (const client of server.clients) client.terminate();
  server.close();
});

test('a connection that is old enough is ended, after what it is doing', async () => {
  verifies('PROXY-24');
  const waiting: (() => void)[] = [];
  const both = Promise.withResolvers<void>();
  await using echo = await EchoServer.start('slow', (request, response) => {
    if (request.url === '/at-once') response.end('now');
    else waiting.push(() => response.end('done'));
    if (waiting.length === 2) both.resolve();
  });
  await using gw = await gateway(`${to(echo.host)}frontendPolicies: { http: { maxConnectionDuration: 30ms } }\n`);
  await using one = await RawClient.connect(gw.port);
  await using other = await RawClient.connect(gw.port);
  for (const client of [one, other]) client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await both.promise;
  await using idle = await RawClient.connect(gw.port);
  idle.write('GET /at-once HTTP/1.1\r\nhost: h\r\n\r\n');
  await idle.until('now');
  // The youngest has been ended, so the two others have been asked to.
  expect(await idle.end()).toBe('');
  for (const finish of waiting) finish();
  for (const client of [one, other]) expect(await client.end()).toMatch(/connection: close[\s\S]*done/);
});

test('a connection that never says anything grows old as well', async () => {
  await using echo = await EchoServer.start();
  await using gw = await gateway(`${to(echo.host)}frontendPolicies: { http: { maxConnectionDuration: 20ms } }\n`);
  await using silent = await RawClient.connect(gw.port);
  expect(await silent.end()).toBe('');
});

test('an old connection of HTTP/2 gets GOAWAY', async () => {
  verifies('PROXY-24');
  const open = Promise.withResolvers<() => void>();
  await using upstream = await H2Upstream.start((_request, response) => open.resolve(() => response.end('done')));
  await using gw = await gateway(`${to(upstream.host)}frontendPolicies: { http: { maxConnectionDuration: 20ms } }\n`);
  await using client = new H2Client(gw.url(''));
  const answer = client.ask({ ':path': '/' });
  const finish = await open.promise;
  expect(await client.goaway).toBe(0);
  finish();
  expect(await answer).toMatchObject({ status: 200, text: 'done' });
});

test('a bind that is taken away finishes what it does; the others do not notice', async () => {
  const { echo, streams } = await eventStream();
  await using _echo = echo;
  const bind = (port: string) =>
    `- { port: ${port}, listeners: [ { routes: [ { backends: [ { host: "${echo.host}" } ] } ] } ] }\n`;
  await using gw = await gateway(`binds:\n${bind('PORT')}${bind('PORT2')}`);
  const [first, second] = gw.ports as [number, number];
  await using leaving = await RawClient.connect(second);
  await using staying = await RawClient.connect(first);
  for (const client of [leaving, staying]) {
    client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
    await client.until('first');
  }
  await gw.reload(`binds:\n${bind('PORT')}`);
  await expect(RawClient.connect(second)).rejects.toThrow('ECONNREFUSED');
  for (const stream of streams) stream.end('data: last\n\n');
  expect(await leaving.end()).toContain('last');
  await staying.until('last');
  expect(staying.state).toBe('open');
  await gw.reload(`binds:\n${bind('PORT')}${bind('PORT2')}`);
  await using again = await RawClient.connect(second);
  again.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  await again.until('first');
});
