import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { RawClient } from './support/raw.ts';
import { verifies } from './verifies.ts';

const config = (echo: EchoServer, buffer: string) => `
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${echo.host}" } ], policies: { buffer: { ${buffer} } } } ]
`;
const chunked = { host: 'h', 'transfer-encoding': 'chunked' };

test('a request that is too long to be held is refused, or sent on whole', async () => {
  verifies('PROXY-53', 'POL-60');
  await using echo = await EchoServer.start();
  await using gw = await gateway(config(echo, 'request: { maxBytes: 10 }'));
  for (const headers of [{ host: 'h' }, chunked]) {
    const long = await ask(gw.port, { method: 'POST', headers, body: '12345678901' });
    expect([long.status, long.text, long.headers['content-type']]).toEqual([413, '', undefined]);
  }
  expect(await gw.line(2)).toMatchObject({ reason: 'DirectResponse', 'http.status': 413 });
  expect(echo.requests).toEqual([]);
  const fits = await ask(gw.port, { method: 'POST', headers: chunked, body: '1234567890' });
  expect(fits.status).toBe(200);
  expect(echo.requests[0]).toMatchObject({ body: '1234567890', headers: { 'content-length': '10' } });

  await gw.reload(config(echo, 'request: { maxBytes: 10, failureMode: failOpen }'));
  for (const headers of [{ host: 'h' }, chunked]) {
    expect((await ask(gw.port, { method: 'POST', headers, body: 'x'.repeat(100_000) })).status).toBe(200);
  }
  expect(echo.requests.slice(1).map(({ body }) => body.length)).toEqual([100_000, 100_000]);
});

test('the upstream is not asked before the body is here', async () => {
  await using echo = await EchoServer.start();
  await using gw = await gateway(config(echo, 'request: {}'));
  await using client = await RawClient.connect(gw.port);
  client.write('POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n');
  expect(await client.until('\r\n\r\n')).toMatch(/^HTTP\/1\.1 100 /);
  client.write('3\r\nabc\r\n');
  expect(echo.connections).toBe(0);
  client.write('0\r\nt: 1\r\n\r\n');
  expect(await client.until('"body"')).toContain('HTTP/1.1 200');
  expect(echo.requests[0]?.body).toBe('abc');
});

test('a body that is none is a mistake of its sender', async () => {
  // In its better form (02 §6, row 37): 400, not 413.
  await using echo = await EchoServer.start();
  await using gw = await gateway(config(echo, 'request: {}'));
  await using client = await RawClient.connect(gw.port);
  client.write('POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcdef\r\n');
  expect(await client.end()).toMatch(/^HTTP\/1\.1 400 /);
  expect(echo.requests).toEqual([]);
});

function answering(...chunks: readonly string[]) {
  return (_request: unknown, response: ServerResponse) => {
    for (const chunk of chunks) response.write(chunk);
    response.end();
  };
}

test('a response that is too long to be held is a 502, or sent on whole', async () => {
  verifies('PROXY-53');
  await using echo = await EchoServer.start('echo', answering('123456', '789012'));
  await using gw = await gateway(config(echo, 'response: { maxBytes: 11 }'));
  const long = await ask(gw.port);
  expect([long.status, long.text]).toEqual([502, '']);
  expect(await gw.line()).toMatchObject({ 'http.status': 502, error: 'body exceeded max buffer size of 11 bytes' });
  expect(gw.lines[0]).not.toHaveProperty('reason');
  await gw.reload(config(echo, 'response: { maxBytes: 11, failureMode: failOpen }'));
  expect((await ask(gw.port)).text).toBe('123456789012');
  await gw.reload(config(echo, 'response: { maxBytes: 12 }'));
  const fits = await ask(gw.port);
  expect([fits.text, fits.headers['content-length']]).toEqual(['123456789012', '12']);
});

test('a response that breaks off is never begun', async () => {
  await using echo = await EchoServer.start('echo', (_request, response) => {
    response.writeHead(200, { 'content-length': '10' });
    response.write('abc', () => response.destroy());
  });
  await using gw = await gateway(config(echo, 'response: {}'));
  const broken = await ask(gw.port);
  expect([broken.status, broken.text, broken.whole]).toEqual([502, '', true]);
});

test('a client that leaves ends the call whose response is held for it', async () => {
  const asked = Promise.withResolvers<ServerResponse>();
  await using echo = await EchoServer.start('echo', (_request, response) => {
    response.write('some of it');
    asked.resolve(response);
  });
  await using gw = await gateway(config(echo, 'response: {}'));
  const client = await RawClient.connect(gw.port);
  client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n');
  const response = await asked.promise;
  const closed = once(response, 'close');
  await client[Symbol.asyncDispose]();
  await closed;
  await gw.line();
  expect(gw.log.filter((line) => line.startsWith('error'))).toEqual([]);
});
