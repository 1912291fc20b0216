import { once } from 'node:events';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { ask } from './support/ask.ts';
import { Certificates } from './support/certificates.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { H2Upstream } from './support/h2-upstream.ts';
import { RawClient } from './support/raw.ts';
import { verifies } from './verifies.ts';

const to = (host: string) => `
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${host}" } ] } ]
`;

/** An echoing WebSocket server. */
async function webSocketServer() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })));
  await once(server, 'listening');
  return {
    server,
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('a WebSocket passes, and is logged when it ends', async () => {
  verifies('PROXY-55');
  await using upstream = await webSocketServer();
  await using gw = await gateway(to(upstream.host));
  const socket = new WebSocket(`ws://127.0.0.1:${gw.port}/chat`);
  await once(socket, 'open');
  socket.send('hello');
  expect(String((await once(socket, 'message'))[0])).toBe('hello');
  const large = Buffer.alloc(1_000_000, 7);
  socket.send(large);
  expect((await once(socket, 'message'))[0]).toEqual(large);
  expect(gw.lines).toHaveLength(0);
  socket.close(1000, 'done');
  const [code, reason] = await once(socket, 'close');
  expect([code, String(reason)]).toEqual([1000, 'done']);
  expect(await gw.line()).toMatchObject({ 'http.status': 101, 'http.path': '/chat', endpoint: upstream.host });
});

test('when the client of a WebSocket is gone, so is the upstream connection', async () => {
  await using upstream = await webSocketServer();
  await using gw = await gateway(to(upstream.host));
  const socket = new WebSocket(`ws://127.0.0.1:${gw.port}/`);
  await once(socket, 'open');
  const [peer] = upstream.server.clients;
  const closed = once(peer as WebSocket, 'close');
  socket.terminate();
  await closed;
  await gw.line();
});

test('a switch to another protocol than was asked for is refused', async () => {
  verifies('PROXY-55');
  await using echo = await EchoServer.start();
  echo.server.on('upgrade', (_request, socket: Socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n');
  });
  await using gw = await gateway(to(echo.host));
  await using client = await RawClient.connect(gw.port);
  client.write('GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  const text = 'request upgrade failed: backend tried Some("h2c") but Some("websocket") was requested';
  expect(await client.until(text)).toContain('HTTP/1.1 502 ');
  expect(await gw.line()).toMatchObject({ reason: 'Internal', 'http.status': 502 });
});

test('an upstream that does not switch just answers', async () => {
  await using echo = await EchoServer.start('echo', (_request, response) => response.writeHead(426).end('no'));
  await using gw = await gateway(to(echo.host));
  const socket = new WebSocket(`ws://127.0.0.1:${gw.port}/`);
  const [request, response] = await once(socket, 'unexpected-response');
  expect(response.statusCode).toBe(426);
  request.destroy();
  expect(await gw.line()).toMatchObject({ 'http.status': 426 });
});

test('a WebSocket over TLS, to a server that speaks TLS', async () => {
  using certificates = new Certificates({ a: ['DNS:localhost'] });
  const tls = { cert: certificates.read('a.pem'), key: certificates.read('a.key') };
  const server = https.createServer(tls);
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`heard ${data}`)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await using gw = await gateway(
    `
gateways: { default: { port: PORT, tls: { cert: a.pem, key: a.key } } }
routes: [ { backends: [ { host: "127.0.0.1:${port}" } ], policies: { backendTLS: { root: ca.pem, hostname: localhost } } } ]
`,
    { directory: certificates.directory },
  );
  const socket = new WebSocket(`wss://localhost:${gw.port}/`, { ca: certificates.read('ca.pem') });
  await once(socket, 'open');
  socket.send('hello');
  expect(String((await once(socket, 'message'))[0])).toBe('heard hello');
  socket.close();
  await once(socket, 'close');
  expect(await gw.line()).toMatchObject({ 'http.status': 101 });
  sockets.close();
  server.close();
  server.closeAllConnections();
});

test('a WebSocket to a server that would rather speak HTTP/2', async () => {
  using certificates = new Certificates({ a: ['DNS:localhost'] });
  const tls = { cert: certificates.read('a.pem'), key: certificates.read('a.key') };
  await using upstream = await H2Upstream.start(undefined, tls);
  const sockets = new WebSocketServer({ noServer: true });
  upstream.server.on('upgrade', (request, socket, head) =>
    sockets.handleUpgrade(request, socket, head, (peer) => peer.send('welcome')),
  );
  await using gw = await gateway(
    `
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${upstream.host}" } ], policies: { backendTLS: { root: ca.pem, hostname: localhost } } } ]
`,
    { directory: certificates.directory },
  );
  // An ordinary request first: the pool has learnt that HTTP/2 is spoken there.
  expect((await ask(gw.port)).text).toBe('2.0');
  const socket = new WebSocket(`ws://127.0.0.1:${gw.port}/`);
  expect(String((await once(socket, 'message'))[0])).toBe('welcome');
  socket.terminate();
  await gw.line(2);
});
