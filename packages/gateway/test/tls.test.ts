import https from 'node:https';
import type tls from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { Certificates } from './support/certificates.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { H2Client } from './support/h2-client.ts';
import { H2Upstream } from './support/h2-upstream.ts';
import { RawClient } from './support/raw.ts';
import { verifies } from './verifies.ts';

const certificates = new Certificates({
  a: ['DNS:a.com', 'DNS:a.example.com'],
  b: ['DNS:b.com'],
  client: ['URI:spiffe://td/ns/x/sa/y'],
  upstream: ['DNS:up.test', 'IP:127.0.0.1'],
});
afterAll(() => certificates[Symbol.dispose]());

const ca = certificates.read('ca.pem');
const options = { directory: certificates.directory };
const pair = (name: string) => `tls: { cert: ${name}.pem, key: ${name}.key }`;
const ok = '{ directResponse: { status: 200, body: ok } }';

test('the listener is chosen by the name that TLS asks for', async () => {
  verifies('PROXY-15');
  await using gw = await gateway(
    `binds: [ { port: PORT, listeners: [ { hostname: "*.example.com", protocol: HTTPS, ${pair('a')}, routes: [ { policies: ${ok} } ] } ] } ]`,
    options,
  );
  const answer = await ask(gw.port, {
    secure: true,
    ca,
    servername: 'a.example.com',
    headers: { host: 'a.example.com' },
  });
  expect([answer.status, answer.text]).toEqual([200, 'ok']);
  for (const servername of ['nope', 'example.com', 'a.example.org']) {
    await expect(RawClient.connect(gw.port, { ca, servername })).rejects.toThrow();
  }
  // Plain text on a port for TLS is no request either.
  await using plain = await RawClient.connect(gw.port);
  plain.write('GET / HTTP/1.1\r\nhost: a.example.com\r\n\r\n');
  await plain.end();
  expect(gw.lines).toHaveLength(1);
});

test('a connection is for the names of its listener', async () => {
  verifies('PROXY-16');
  await using gw = await gateway(
    `
gateways:
  default:
    port: PORT
    listeners: [ { name: a, hostname: a.com, ${pair('a')} }, { name: b, hostname: b.com, ${pair('b')} } ]
routes: [ { policies: ${ok} } ]
`,
    options,
  );
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  const answerFor = async (host: string) => {
    const { status, text } = await ask(gw.port, { secure: true, ca, agent, servername: 'a.com', headers: { host } });
    return [status, text];
  };
  expect(await answerFor('a.com')).toEqual([200, 'ok']);
  expect(await answerFor('b.com')).toEqual([421, 'misdirected request']);
  expect(await answerFor('z.com')).toEqual([404, 'route not found']);
  expect(await answerFor('A.com:443')).toEqual([200, 'ok']);
  agent.destroy();
  expect(new Set(gw.lines.map((line) => line['src.addr'])).size).toBe(1);
});

test('a new route is used at once, a new certificate makes its connections leave', async () => {
  verifies('PROXY-17', 'CFG-52');
  using own = new Certificates({ a: ['DNS:a.com'] });
  const config = (routes: string) =>
    `gateways: { default: { port: PORT, tls: { cert: a.pem, key: a.key } } }\nroutes: [ ${routes} ]`;
  const first = `{ matches: [ { path: { exact: /one } } ], policies: ${ok} }`;
  const second = `{ matches: [ { path: { exact: /two } } ], policies: ${ok} }`;
  await using gw = await gateway(config(first), { directory: own.directory });
  const authority = own.read('ca.pem');
  await using client = await RawClient.connect(gw.port, { ca: authority, servername: 'a.com' });
  const get = (path: string) => client.write(`GET ${path} HTTP/1.1\r\nhost: a.com\r\n\r\n`).until('\r\n\r\n');
  expect(await get('/two')).toContain(' 404 ');
  await client.until('not found');
  await gw.reload(config(`${first}, ${second}`));
  expect(await get('/two')).toContain(' 200 ');
  await client.until('ok');

  const shown = (client.socket as tls.TLSSocket).getPeerCertificate().fingerprint;
  own.issue('a', ['DNS:a.com']);
  await gw.reload(config(`${first}, ${second}`));
  expect(await client.end()).toBe('');
  await using again = await RawClient.connect(gw.port, { ca: authority, servername: 'a.com' });
  expect((again.socket as tls.TLSSocket).getPeerCertificate().fingerprint).not.toBe(shown);
});

test('a request in flight is finished when the certificate changes', async () => {
  using own = new Certificates({ a: ['DNS:a.com'] });
  const arrived = Promise.withResolvers<() => void>();
  await using echo = await EchoServer.start('slow', (_request, response) => {
    arrived.resolve(() => response.end('late'));
  });
  const config = `gateways: { default: { port: PORT, tls: { cert: a.pem, key: a.key } } }\nroutes: [ { backends: [ { host: "${echo.host}" } ] } ]`;
  await using gw = await gateway(config, { directory: own.directory });
  await using client = await RawClient.connect(gw.port, { ca: own.read('ca.pem'), servername: 'a.com' });
  client.write('GET / HTTP/1.1\r\nhost: a.com\r\n\r\n');
  const release = await arrived.promise;
  own.issue('a', ['DNS:a.com']);
  await gw.reload(config);
  release();
  expect(await client.until('\r\n\r\n')).toContain('connection: close');
  expect(await client.end()).toContain('late');
});

test('client certificates are required where authorities for them are named', async () => {
  verifies('PROXY-19');
  await using gw = await gateway(
    `gateways: { default: { port: PORT, tls: { cert: a.pem, key: a.key, root: ca.pem } } }\nroutes: [ { policies: ${ok} } ]`,
    options,
  );
  const how = { secure: true, ca, servername: 'a.com', headers: { host: 'a.com' } };
  await expect(ask(gw.port, how)).rejects.toThrow();
  using strangers = new Certificates({ client: ['DNS:client'] });
  const stranger = { cert: strangers.read('client.pem'), key: strangers.read('client.key') };
  await expect(ask(gw.port, { ...how, ...stranger })).rejects.toThrow();
  const known = { cert: certificates.read('client.pem'), key: certificates.read('client.key') };
  expect((await ask(gw.port, { ...how, ...known })).text).toBe('ok');
  expect(gw.lines).toHaveLength(1);
});

test('a range of versions that holds none is refused, one that holds one is kept', async () => {
  verifies('PROXY-22');
  const config = (range: string) =>
    `gateways: { default: { port: PORT, tls: { cert: a.pem, key: a.key, ${range} } } }\nroutes: [ { policies: ${ok} } ]`;
  await expect(gateway(config('minTLSVersion: TLS_V1_3, maxTLSVersion: TLS_V1_2'), options)).rejects.toThrow(
    'invalid TLS version range',
  );
  await using gw = await gateway(config('minTLSVersion: TLS_V1_3'), options);
  const old = { ca, servername: 'a.com', maxVersion: 'TLSv1.2' as const };
  await expect(RawClient.connect(gw.port, old)).rejects.toThrow();
});

test('one port speaks both versions of HTTP, and upstream the one that the client spoke', async () => {
  verifies('PROXY-21');
  await using upstream = await H2Upstream.start();
  await using echo = await EchoServer.start();
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- { matches: [ { path: { exact: /h2 } } ], backends: [ { host: "${upstream.host}" } ] }
- { matches: [ { path: { exact: /h1 } } ], backends: [ { host: "${echo.host}" } ] }
`);
  await using client = new H2Client(gw.url(''));
  expect((await client.ask({ ':path': '/h2' })).status).toBe(200);
  expect(upstream.requests).toEqual([`2.0 GET /h2 127.0.0.1:${gw.port}`]);
  expect((await ask(gw.port, { path: '/h1' })).status).toBe(200);
  expect(gw.lines.map((line) => line['http.version'])).toEqual(['HTTP/2.0', 'HTTP/1.1']);
});

test('a TLS upstream is spoken to in what was agreed on, and must be who it should be', async () => {
  // What needs the backend policy `http` is not here.
  verifies('PROXY-63');
  const tlsOptions = { cert: certificates.read('upstream.pem'), key: certificates.read('upstream.key') };
  await using upstream = await H2Upstream.start(undefined, tlsOptions);
  const route = (path: string, options: string, host = upstream.host) =>
    `- { matches: [ { path: { exact: ${path} } } ], backends: [ { host: "${host}", policies: { backendTLS: ${options} } } ] }\n`;
  await using gw = await gateway(
    `gateways: { default: { port: PORT } }\nroutes:\n${[
      route('/default', '{ root: ca.pem }'),
      route('/h1', '{ root: ca.pem, alpn: [http/1.1] }'),
      route('/name', '{ root: ca.pem, hostname: up.test }'),
      route('/sans', '{ root: ca.pem, subjectAltNames: [other.test, up.test] }'),
      route('/insecure', '{ insecure: true }'),
      route('/host', '{ root: ca.pem, insecureHost: true, hostname: other.test }'),
      route('/wrong-name', '{ root: ca.pem, hostname: other.test }'),
      route('/wrong-sans', '{ root: ca.pem, subjectAltNames: [other.test] }'),
      route('/unknown-root', '{}'),
    ].join('')}`,
    options,
  );
  const answer = async (path: string) => (await ask(gw.port, { path, headers: { host: 'h' } })).text;
  expect(await answer('/default')).toBe('2.0');
  expect(await answer('/h1')).toBe('1.1');
  for (const path of ['/name', '/sans', '/insecure', '/host']) expect(await answer(path), path).toBe('2.0');
  for (const path of ['/wrong-name', '/wrong-sans', '/unknown-root']) {
    expect(await answer(path), path).toBe('upstream call failed: Connect');
    expect(gw.lines.at(-1)).toMatchObject({ reason: 'UpstreamFailure', 'http.status': 503 });
  }
});

test('under TLS a client may speak HTTP/2 and the upstream get HTTP/1.1, but for gRPC', async () => {
  verifies('PROXY-64');
  await using echo = await EchoServer.start();
  await using grpc = await H2Upstream.start((_request, response) => {
    response.setHeader('content-type', 'application/grpc');
    response.addTrailers({ 'grpc-status': '0' });
    response.end('message');
  });
  await using gw = await gateway(
    `
gateways: { default: { port: PORT, ${pair('a')} } }
routes:
- { matches: [ { path: { exact: /plain } } ], backends: [ { host: "${echo.host}" } ] }
- { matches: [ { path: { exact: /p.S/M } } ], backends: [ { host: "${grpc.host}" } ] }
`,
    options,
  );
  await using client = new H2Client(`https://127.0.0.1:${gw.port}`, { ca, servername: 'a.com' });
  const post = { ':method': 'POST', ':authority': 'a.com' };
  expect(await client.ask({ ...post, ':path': '/plain' })).toMatchObject({ status: 200, code: 0 });
  const call = { ...post, ':path': '/p.S/M', 'content-type': 'application/grpc', te: 'trailers' };
  expect(await client.ask(call, 'x')).toMatchObject({ text: 'message', trailers: { 'grpc-status': '0' } });
  expect(echo.requests[0]?.headers.host).toBe('a.com');
  expect(grpc.requests).toEqual(['2.0 POST /p.S/M a.com']);
});

test('a dynamic backend of a secure listener goes to the port of https', async () => {
  verifies('PROXY-36');
  await using gw = await gateway(
    `gateways: { default: { port: PORT, ${pair('a')} } }\nroutes: [ { backends: [ { dynamic: {} } ] } ]`,
    options,
  );
  // Nobody listens there: only where it was tried matters.
  const how = { secure: true, ca, servername: 'a.com' };
  for (const host of ['127.0.0.7', '127.0.0.7:1']) await ask(gw.port, { ...how, headers: { host } });
  expect(gw.lines.map((line) => line.endpoint)).toEqual(['127.0.0.7:443', '127.0.0.7:1']);
});

test('suites and groups of a listener are the only ones it takes', async () => {
  const config = (more: string) =>
    `gateways: { default: { port: PORT, tls: { cert: a.pem, key: a.key, ${more} } } }\nroutes: [ { policies: ${ok} } ]`;
  const client = { ca, servername: 'a.com' };
  await using groups = await gateway(config('keyExchangeGroups: [P-384]'), options);
  await expect(RawClient.connect(groups.port, { ...client, ecdhCurve: 'X25519' })).rejects.toThrow();
  await using fitting = await RawClient.connect(groups.port, { ...client, ecdhCurve: 'X25519:P-384' });
  expect(fitting.state).toBe('open');
  const suite = 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384';
  await using suites = await gateway(config(`cipherSuites: [${suite}], maxTLSVersion: TLS_V1_2`), options);
  const other = { ...client, ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' };
  await expect(RawClient.connect(suites.port, other)).rejects.toThrow();
  await using same = await RawClient.connect(suites.port, client);
  expect((same.socket as tls.TLSSocket).getCipher().standardName).toBe(suite);
});
