import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { Certificates } from './support/certificates.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { freePort } from './support/ports.ts';
import { RawClient } from './support/raw.ts';
import { verifies } from './verifies.ts';

const config = (echo: EchoServer, host: string, fields = '', http = '', listener = '') => `
gateways: { default: { port: PORT ${listener} } }
frontendPolicies: { networkExtAuthz: { host: "${host}", protocol: { http: { ${http} } } ${fields} } }
routes: [ { backends: [ { host: "${echo.host}" } ] } ]
`;

/** Asks on a connection of its own: the status, or that the connection was closed. */
const status = (port: number) =>
  ask(port).then(
    (answer) => answer.status,
    () => 'closed',
  );

test('POL-89: connections are decided on over HTTP only', async () => {
  verifies('POL-89');
  const file = (protocol: string) =>
    `frontendPolicies: { networkExtAuthz: { host: "127.0.0.1:1" ${protocol} } }\ngateways: { default: { port: PORT } }`;
  const message = 'frontendPolicies.networkExtAuthz only supports protocol.http';
  for (const protocol of ['', ', protocol: { grpc: {} }'])
    await expect(gateway(file(protocol))).rejects.toThrow(message);
});

test('a connection is asked about once, with who is at its ends, before anything is read of it', async () => {
  await using echo = await EchoServer.start();
  const asked = Promise.withResolvers<void>();
  const decided = Promise.withResolvers<number>();
  await using authz = await EchoServer.start('authz', async (_request, response) => {
    asked.resolve();
    response.writeHead(await decided.promise).end();
  });
  const added = `addRequestHeaders: { x-source: source.address, x-port: 'string(destination.port)' }`;
  await using gw = await gateway(config(echo, authz.host, '', added));
  await using client = await RawClient.connect(gw.port);
  client.write('GET /1 HTTP/1.1\r\nhost: h\r\n\r\nGET /2 HTTP/1.1\r\nhost: h\r\n\r\n');
  await asked.promise;
  expect(echo.requests).toEqual([]);
  decided.resolve(204);
  await client.until('"url":"/1"');
  await client.until('"url":"/2"');
  expect(authz.requests).toHaveLength(1);
  expect(authz.requests[0]).toMatchObject({
    method: 'GET',
    url: '/',
    headers: { 'x-source': '127.0.0.1', 'x-port': String(gw.port) },
  });
});

test('one that is not let in is closed without a word; where the service fails, the policy says', async () => {
  await using echo = await EchoServer.start();
  let answer = 403;
  await using authz = await EchoServer.start('authz', (_request, response) =>
    response.writeHead(answer, { location: '/login' }).end('no'.repeat(50_000)),
  );
  await using gw = await gateway(config(echo, authz.host));
  for (answer of [403, 302, 500]) {
    await using client = await RawClient.connect(gw.port);
    client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
    expect([await client.end(), client.text]).toEqual(['', '']);
  }
  const nowhere = `127.0.0.1:${await freePort()}`;
  await gw.reload(config(echo, nowhere));
  expect(await status(gw.port)).toBe('closed');
  await gw.reload(config(echo, nowhere, ', failureMode: allow'));
  expect(await status(gw.port)).toBe(200);
  expect(echo.requests).toHaveLength(1);
});

test('a decision is remembered by what connections have in common', async () => {
  await using echo = await EchoServer.start();
  await using authz = await EchoServer.start('authz');
  await using gw = await gateway(config(echo, authz.host, ', cache: { key: [source.address], ttl: 1h }'));
  for (let i = 0; i < 3; i++) expect(await status(gw.port)).toBe(200);
  expect([authz.requests.length, echo.requests.length]).toEqual([1, 3]);
});

test('a TLS connection is asked about when its client is known', async () => {
  using certificates = new Certificates({ server: ['DNS:gw.test'], alice: ['DNS:alice.test'], bob: ['DNS:bob.test'] });
  await using echo = await EchoServer.start();
  await using authz = await EchoServer.start('authz', (request, response) =>
    response.writeHead(request.url === '/alice.test' ? 200 : 403).end(),
  );
  const path = (file: string) => certificates.path(file);
  const listener = `, protocol: HTTPS, tls: { cert: ${path('server.pem')}, key: ${path('server.key')}, root: ${path('ca.pem')} }`;
  await using gw = await gateway(config(echo, authz.host, '', `path: '"/" + source.subjectAltNames[0]'`, listener));
  const as = (name: string) =>
    ask(gw.port, {
      secure: true,
      ca: certificates.read('ca.pem'),
      cert: certificates.read(`${name}.pem`),
      key: certificates.read(`${name}.key`),
      servername: 'gw.test',
      headers: { host: 'gw.test' },
    });
  expect((await as('alice')).status).toBe(200);
  await expect(as('bob')).rejects.toThrow();
  expect(authz.requests.map(({ url }) => url)).toEqual(['/alice.test', '/bob.test']);
});

test('a connection that waits to be let in does not keep the gateway from ending', async () => {
  await using echo = await EchoServer.start();
  const asked = Promise.withResolvers<void>();
  await using authz = await EchoServer.start('authz', () => asked.resolve());
  const gw = await gateway(config(echo, authz.host));
  await using client = await RawClient.connect(gw.port);
  await asked.promise;
  await gw[Symbol.asyncDispose]();
  await client.end();
  expect(echo.requests).toEqual([]);
});
