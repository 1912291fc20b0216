import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { backend, startSupervisor } from './fixtures/gateway.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Two workers whose sessions live in one of them. */
async function echoGateway(workers = 2) {
  const gateway = await startSupervisor(workers, {
    dataPlane: new URL('./fixtures/echo-plane.ts', import.meta.url).href,
  });
  onTestFinished(() => gateway.supervisor.close());
  await gateway.supervisor.replace('file', [backend('a')]);
  const ports = (await gateway.supervisor.ask('port')).map((answer) => answer.value as number);

  const open = (worker: number, method: string, path: string, headers = {}, body: Readable = Readable.from([])) => {
    const request = httpRequest({ port: ports[worker], method, path, headers, agent: false });
    const response = new Promise<IncomingMessage>((resolve, reject) => {
      request.on('response', resolve);
      request.on('error', reject);
    });
    body.pipe(request);
    return { request, response };
  };
  const send = async (...to: Parameters<typeof open>): Promise<Answer & { readonly client: string }> => {
    const { request, response } = open(...to);
    const message = await response;
    const client = `127.0.0.1:${request.socket?.localPort}`;
    return { status: message.statusCode as number, headers: message.headers, body: await text(message), client };
  };
  const begin = async (worker: number, method = 'POST') => {
    const { headers } = await send(worker, method, '/session');
    return { 'session-id': headers['session-id'] as string };
  };
  return { ...gateway, open, send, begin };
}

test('a request goes to the worker that owns its session, with its body, its client and what policies found out', async () => {
  const { send, begin } = await echoGateway();
  const session = await begin(0);
  const body = 'x'.repeat(300_000);
  for (const worker of [0, 1]) {
    const answer = await send(worker, 'PUT', '/a?b=c', session, Readable.from([body.slice(0, 7), body.slice(7)]));
    expect(answer.status).toBe(200);
    expect(answer.headers.owner).toBe('0');
    expect(answer.headers.requests).toBe(String(worker + 1));
    expect(answer.headers.client).toBe(answer.client);
    expect(answer.body).toBe(body);
    expect(JSON.parse(decodeURIComponent(answer.headers.seen as string))).toEqual([
      'PUT',
      expect.stringMatching(/^localhost:\d+$/),
      '/a?b=c',
      'default',
      { who: 'ümläut ☃' },
    ]);
    expect(answer.headers.fields).not.toContain('host');
    expect(answer.headers.fields).not.toContain('agentgateway');
  }
});

test('what a client writes into the reserved field says nothing', async () => {
  const { send, begin } = await echoGateway();
  const session = await begin(0);
  const forged = Buffer.from(JSON.stringify({ kind: 'echo', connection: { remoteAddress: '10.0.0.1' } }));
  const answer = await send(1, 'GET', '/', { ...session, 'agentgateway-forwarded': forged.toString('base64url') });
  expect(answer.headers.client).toBe(answer.client);
});

test('an id that nobody can read is 404', async () => {
  const { send, begin } = await echoGateway();
  const session = await begin(0);
  const broken = `${session['session-id'].slice(0, -2)}AA`;
  expect((await send(1, 'GET', '/', { 'session-id': broken })).status).toBe(404);
  expect((await send(1, 'GET', '/')).status).toBe(404);
});

test('a session whose owner died is rebuilt from its id, or 404; its successor is not taken for it', async () => {
  const { supervisor, log, send, begin } = await echoGateway();
  const [lost, kept] = [await begin(0), await begin(0, 'PUT')];
  // A connection between the workers is open when its end dies.
  expect((await send(1, 'GET', '/', kept)).headers.owner).toBe('0');
  await supervisor.kill(0, 'test');
  await log.line('worker 0 was replaced');
  expect(await send(1, 'GET', '/', lost)).toMatchObject({ status: 404, body: 'session is gone' });
  const body = Readable.from(['still ', 'here']);
  const rebuilt = await send(1, 'PUT', '/', kept, body);
  expect(rebuilt).toMatchObject({ status: 200, body: 'still here' });
  expect(rebuilt.headers).toMatchObject({ owner: '1', requests: '1' });
});

test('a session of another run of the gateway has no owner here', async () => {
  const { SessionCodec } = await import('./sessions.ts');
  const { settings } = await import('./fixtures/gateway.ts');
  const key = 'ab'.repeat(32);
  const gateway = await startSupervisor(1, {
    settings: { ...settings(1), sessionKey: { $secret: key } },
    dataPlane: new URL('./fixtures/echo-plane.ts', import.meta.url).href,
  });
  onTestFinished(() => gateway.supervisor.close());
  await gateway.supervisor.replace('file', [backend('a')]);
  const [port] = (await gateway.supervisor.ask('port')).map((answer) => answer.value as number);
  const other = new SessionCodec(Buffer.from(key, 'hex'), { index: 0, epoch: 1, instance: '0000000000000000' });
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { 'session-id': other.encode('') } });
  expect([answer.status, await answer.text()]).toEqual([404, 'session is gone']);
});

test('a client that leaves is seen by the owner', async () => {
  const { log, open, begin } = await echoGateway();
  const session = await begin(0);
  const { request, response } = open(1, 'GET', '/endless', session);
  (await response).resume();
  request.destroy();
  await log.line('worker 0 was cancelled');
  await log.line('worker 0 lost /endless');
});

test('a client that does not read makes the owner wait, and one that reads again lets it go on', async () => {
  const { log, open, begin } = await echoGateway();
  const session = await begin(0);
  const { request, response } = open(1, 'GET', '/endless', session);
  const message = await response;
  message.pause();
  await log.line('worker 0 waits');
  message.resume();
  await log.line('worker 0 goes on');
  request.destroy();
  await log.line('worker 0 lost /endless');
});

test('an owner that dies in the middle of an answer breaks it: no clean end', async () => {
  const { supervisor, open, begin } = await echoGateway();
  const session = await begin(0);
  const { response } = open(1, 'GET', '/endless', session);
  const message = await response;
  const ended = new Promise((resolve) => {
    message.on('end', () => resolve('end'));
    message.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  message.resume();
  await supervisor.kill(0, 'test');
  expect(await ended).toBe('ECONNRESET');
});
