import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect as connectH2 } from 'node:http2';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { EchoServer } from '../support/echo.ts';
import { OtlpReceiver } from '../support/otlp-receiver.ts';
import { verifies } from '../verifies.ts';
import { type GatewayProcess, start } from './support/process.ts';

/** An upstream that begins an event stream and leaves the rest to the test. */
async function streamer(): Promise<{ echo: EchoServer; next: () => Promise<ServerResponse> }> {
  const begun: ServerResponse[] = [];
  let wake = () => {};
  const echo = await EchoServer.start('stream', (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    begun.push(response);
    wake();
  });
  const next = async () => {
    while (begun.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return begun.shift() as ServerResponse;
  };
  return { echo, next };
}

const streaming = (echo: EchoServer, settings = '') => `
config: { workerThreads: 2, ${settings} }
gateways: { default: { port: PORT } }
routes: [ { backends: [ { host: "${echo.host}" } ] } ]
`;

/** Resolves when the port is closed in every worker: until then, one of them may still take a connection and drop it. */
async function refused(gw: GatewayProcess): Promise<void> {
  for (let refusal = false; !refusal; ) {
    const socket = connect(gw.site.ports[0] as number, '127.0.0.1');
    const code = await new Promise<string>((resolve) => {
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
      socket.once('close', () => resolve(''));
      socket.resume();
    });
    refusal = code === 'ECONNREFUSED';
    socket.destroy();
  }
}

test('SIGTERM: a stream in flight goes on to its end, nobody new is let in, and it ends with 0', async () => {
  const { echo, next } = await streamer();
  await using _ = echo;
  await using gw = await start(streaming(echo, 'connectionTerminationDeadline: 60s'));
  const answer = await fetch(gw.url());
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader?.read())?.value).toBe('data: 1\n\n');
  const upstream = await next();
  // Idle: it closes at once, which tells that the drain has reached the connections.
  const idle = connect(gw.site.ports[0] as number, '127.0.0.1');
  await once(idle, 'connect');
  idle.write('GET /idle HTTP/1.1\r\nhost: x\r\n\r\n');
  (await next()).end();
  let last = '';
  while (!last.endsWith('0\r\n\r\n')) last += (await once(idle, 'data'))[0];
  gw.signal('SIGTERM');
  idle.resume();
  await once(idle, 'end');
  idle.destroy();
  await refused(gw);
  upstream.end('data: 2\n\n');
  expect((await reader?.read())?.value).toBe('data: 2\n\n');
  expect((await reader?.read())?.done).toBe(true);
  expect(await gw.exited).toEqual({ code: 0, signal: null });
  expect(gw.stdout.all.filter((line) => line.includes('"scope":"request"'))).toHaveLength(2);
});

test('SIGTERM: a stream that does not end is cut at the deadline, as an error and not as an end', async () => {
  verifies('PROXY-68');
  const { echo, next } = await streamer();
  await using _ = echo;
  await using gw = await start(
    streaming(echo, 'connectionMinTerminationDeadline: 300ms, connectionTerminationDeadline: 300ms'),
  );
  const answer = await fetch(gw.url());
  const reader = answer.body?.getReader();
  await reader?.read();
  await next();
  const http2 = connectH2(gw.url());
  await once(http2, 'connect');
  const goaway = once(http2, 'goaway');
  gw.signal('SIGTERM');
  await gw.stdout.next('drain started');
  // Within the shortest drain, new connections are served.
  const late = await fetch(gw.url('/late'));
  expect(late.status).toBe(200);
  (await next()).end();
  await late.text();
  expect((await goaway)[0]).toBe(0);
  await expect(reader?.read()).rejects.toThrow();
  http2.destroy();
  expect(await gw.exited).toEqual({ code: 0, signal: null });
});

test('SIGINT drains as well; a second one ends it on the spot with 0', async () => {
  const { echo, next } = await streamer();
  await using _ = echo;
  await using gw = await start(streaming(echo, 'connectionTerminationDeadline: 1h'));
  const answer = await fetch(gw.url());
  await next();
  gw.signal('SIGINT');
  await gw.stdout.next('drain started');
  gw.signal('SIGINT');
  expect(await gw.exited).toEqual({ code: 0, signal: null });
  await expect(answer.text()).rejects.toThrow();
});

test('TEL-22: /quitquitquit answers, then drains', async () => {
  verifies('TEL-22');
  const { echo, next } = await streamer();
  await using _ = echo;
  for (const [deadline, whole] of [
    ['1h', true],
    ['300ms', false],
  ] as const) {
    await using gw = await start(streaming(echo, `connectionTerminationDeadline: ${deadline}`));
    const stream = await fetch(gw.url());
    const upstream = await next();
    const url = `http://127.0.0.1:${gw.site.admin}/quitquitquit`;
    expect((await fetch(url)).status).toBe(405);
    const answer = await fetch(url, { method: 'POST' });
    expect([answer.status, await answer.text()]).toEqual([202, 'shutdown now\n']);
    await gw.stdout.next('drain started');
    if (whole) upstream.end('data: 2\n\n');
    const text = stream.text();
    if (whole) expect(await text).toContain('data: 2\n\n');
    else await expect(text).rejects.toThrow();
    expect(await gw.exited).toEqual({ code: 0, signal: null });
  }
});

test('spans of requests that end during the drain are exported before the end', async () => {
  const { echo, next } = await streamer();
  await using _ = echo;
  await using otlp = await OtlpReceiver.grpc();
  const tracing = `frontendPolicies: { tracing: { host: "${otlp.host}", randomSampling: true } }`;
  await using gw = await start(`${streaming(echo, 'connectionTerminationDeadline: 60s')}${tracing}`, {
    env: { OTEL_BSP_SCHEDULE_DELAY: '600000' },
  });
  const answer = await fetch(gw.url());
  const upstream = await next();
  gw.signal('SIGTERM');
  await refused(gw);
  upstream.end();
  await answer.text();
  expect(await gw.exited).toEqual({ code: 0, signal: null });
  expect((await otlp.spans(2)).map(({ name }) => name)).toEqual(['GET /*', 'GET']);
});
