import http from 'node:http';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { Certificates } from './support/certificates.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { H2Client } from './support/h2-client.ts';
import { H2Upstream } from './support/h2-upstream.ts';
import { freePort } from './support/ports.ts';
import { RawClient } from './support/raw.ts';
import { verifies } from './verifies.ts';

const answering = (body: string) => `
gateways: { default: { port: PORT } }
routes: [ { policies: { directResponse: { status: 200, body: ${body} } } } ]
`;

test('twenty reloads under load: no request is lost, every answer is of some configuration', async () => {
  await using echo = await EchoServer.start();
  const config = (i: number) => `
gateways: { default: { port: PORT } }
routes:
- backends: [ { host: "${echo.host}" } ]
  policies: { responseHeaderModifier: { set: { x-config: "${i}" } }, urlRewrite: { path: { full: /${i} } } }
`;
  await using gw = await gateway(config(0));
  let going = true;
  const seen: string[] = [];
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const load = async (options: { agent?: http.Agent }) => {
    while (going) {
      const { status, headers, text } = await ask(gw.port, { ...options, method: 'POST', body: 'x' });
      // What came out of one configuration came out of it whole.
      expect(status).toBe(200);
      expect(JSON.parse(text).url).toBe(`/${headers['x-config']}`);
      seen.push(String(headers['x-config']));
    }
  };
  const clients = [{}, {}, { agent }, { agent }, { agent }].map(load);
  const all = Promise.all(clients);
  const change = async () => {
    for (let i = 1; i <= 20; i++) {
      const before = seen.length;
      await gw.reload(config(i));
      while (seen.length < before + 3) await new Promise((resolve) => setImmediate(resolve));
    }
    going = false;
  };
  // Whichever fails first is told.
  await Promise.race([all, change()]);
  await all;
  expect(new Set(seen).size).toBeGreaterThan(10);
  expect((await ask(gw.port)).headers['x-config']).toBe('20');
  agent.destroy();
}, 20_000);

test('a connection that is kept open sees the change with its next request', async () => {
  await using gw = await gateway(answering('one'));
  await using client = await RawClient.connect(gw.port);
  const get = (text: string) => client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n').until(`\r\n\r\n${text}`);
  await get('one');
  await gw.reload(answering('two'));
  await get('two');
  await using h2 = new H2Client(gw.url(''));
  expect((await h2.ask({ ':path': '/' })).text).toBe('two');
  await gw.reload(answering('three'));
  expect((await h2.ask({ ':path': '/' })).text).toBe('three');
  expect(new Set(gw.lines.map((line) => line['src.addr'])).size).toBe(2);
});

test('what is on its way is finished by the configuration that it began with', async () => {
  const asked = Promise.withResolvers<() => void>();
  await using echo = await EchoServer.start('slow', (_request, response) => asked.resolve(() => response.end('old')));
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- backends: [ { host: "${echo.host}" } ]
  policies: { responseHeaderModifier: { set: { x-config: old } } }
`);
  const answer = ask(gw.port);
  const finish = await asked.promise;
  await gw.reload(answering('new'));
  expect((await ask(gw.port)).text).toBe('new');
  finish();
  expect(await answer).toMatchObject({ text: 'old', headers: { 'x-config': 'old' } });
});

test('a reload that fails changes nothing', async () => {
  // All or nothing: nothing of a reload that fails is live.
  verifies('CFG-50');
  await using gw = await gateway(answering('good'));
  await using client = await RawClient.connect(gw.port);
  const good = async () => expect((await ask(gw.port)).text).toBe('good');
  await good();
  await expect(gw.reload('gateways: [')).rejects.toThrow('test.yaml:');
  await good();
  await expect(gw.reload(answering('bad').replace('directResponse', 'directResponze'))).rejects.toThrow(
    'directResponse',
  );
  await good();
  // The second port belongs to somebody else: the first must not change either, and the third must not stay open.
  await using taken = await EchoServer.start();
  const bind = (port: string | number) =>
    `- { port: ${port}, listeners: [ { routes: [ { policies: { directResponse: { status: 200, body: bad } } } ] } ] }\n`;
  const third = await freePort();
  const three = `binds:\n${bind('PORT')}${bind(third)}${bind(taken.port)}`;
  await expect(gw.reload(three)).rejects.toThrow(/EADDRINUSE|in use/);
  await good();
  await expect(RawClient.connect(third)).rejects.toThrow('ECONNREFUSED');
  await gw.reload(`binds:\n${bind('PORT')}${bind(third)}`);
  expect((await ask(third)).text).toBe('bad');
  // The connection that was open all the while.
  client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  expect(await client.until('bad')).toContain(' 200 ');
});

test('a certificate that cannot be used leaves the old one in force', async () => {
  using own = new Certificates({ a: ['DNS:a.com'] });
  const config = 'gateways: { default: { port: PORT, tls: { cert: a.pem, key: a.key } } }\nroutes: []\n';
  await using gw = await gateway(config, { directory: own.directory });
  const tls = { ca: own.read('ca.pem'), servername: 'a.com' };
  await using client = await RawClient.connect(gw.port, tls);
  const key = own.read('a.key');
  own.write('a.key', 'nonsense');
  await expect(gw.reload(config)).rejects.toThrow('a.key');
  client.write('GET / HTTP/1.1\r\nhost: a.com\r\n\r\n');
  expect(await client.until('route not found')).toContain(' 404 ');
  await using again = await RawClient.connect(gw.port, tls);
  expect(again.state).toBe('open');
  own.write('a.key', key);
  await gw.reload(config);
  client.write('GET / HTTP/1.1\r\nhost: a.com\r\n\r\n');
  await client.until('route not found');
});

test('a listener that is taken away drains its TLS connections, its neighbour keeps its own', async () => {
  using own = new Certificates({ a: ['DNS:a.com'], b: ['DNS:b.com'] });
  const listener = (name: string) =>
    `{ name: ${name}, hostname: ${name}.com, tls: { cert: ${name}.pem, key: ${name}.key } }`;
  const config = (...names: string[]) => `
gateways: { default: { port: PORT, listeners: [ ${names.map(listener).join(', ')} ] } }
routes: [ { policies: { directResponse: { status: 200, body: ok } } } ]
`;
  await using gw = await gateway(config('a', 'b'), { directory: own.directory });
  const ca = own.read('ca.pem');
  await using a = await RawClient.connect(gw.port, { ca, servername: 'a.com' });
  await using b = await RawClient.connect(gw.port, { ca, servername: 'b.com' });
  a.write('GET / HTTP/1.1\r\nhost: a.com\r\n\r\n');
  await a.until('ok');
  await gw.reload(config('b'));
  expect(await a.end()).toBe('');
  b.write('GET / HTTP/1.1\r\nhost: b.com\r\n\r\n');
  await b.until('ok');
  await expect(RawClient.connect(gw.port, { ca, servername: 'a.com' })).rejects.toThrow();
});

test('streams go on through reloads', async () => {
  const pieces = Promise.withResolvers<(text: string) => void>();
  await using upstream = await H2Upstream.start((_request, response) => {
    response.write('first');
    pieces.resolve((text) => (text === 'last' ? response.end(text) : response.write(text)));
  });
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${upstream.host}" } ] } ]
`);
  await using client = new H2Client(gw.url(''));
  const answer = client.ask({ ':path': '/' });
  const send = await pieces.promise;
  for (const text of ['a', 'b', 'c']) {
    await gw.reload(answering(text));
    send(text);
  }
  send('last');
  expect(await answer).toMatchObject({ status: 200, text: 'firstabclast', code: 0 });
});
