import { Headers, Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import type { CompiledBackend } from '../backends/backend.ts';
import { noPorts, testExchange } from '../policies/testing.ts';
import { noSteps } from './compiled-phase.ts';
import { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { Mirror } from './mirror.ts';

function mirrored(send: (exchange: Exchange) => Promise<Response>, percentage = 1, random = () => 0) {
  const backend: CompiledBackend = {
    protocol: 'http',
    select: () => ({ ...noSteps, send }),
  };
  const log: string[] = [];
  const note = (level: string) => (_scope: string, message: string, fields?: object) => {
    log.push(`${level} ${message} ${JSON.stringify(fields)}`);
  };
  const mirror = new Mirror('/m', backend, percentage, {
    random,
    log: { ...noPorts.log, warn: note('warn'), debug: note('debug') },
  });
  return { mirror, log };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const empty = () => new Response(200, new Headers(), null);

test('the copy is the head alone, and what becomes of it does not reach the request', async () => {
  const seen: Exchange[] = [];
  const { mirror, log } = mirrored(async (copy) => {
    seen.push(copy);
    copy.request.headers.set('x-mirror', '1');
    copy.record.endpoint = 'elsewhere';
    return empty();
  });
  const exchange = testExchange({
    method: 'POST',
    path: '/p',
    headers: [
      ['content-length', '3'],
      ['x-a', '1'],
    ],
    body: Buffer.from('abc'),
  });
  mirror.send(exchange);
  await turn();
  expect(seen[0]?.request).toMatchObject({ method: 'POST', path: '/p', authority: 'gateway.test', body: null });
  expect([...(seen[0]?.request.headers ?? [])]).toEqual([
    ['x-a', '1'],
    ['x-mirror', '1'],
  ]);
  expect(seen[0]?.purpose).toBe('Mirror');
  expect([exchange.request.headers.get('x-mirror'), exchange.record.endpoint, log]).toEqual([undefined, null, []]);
});

test('only so many are on their way at a time', async () => {
  const waiting: ((response: Response) => void)[] = [];
  const { mirror, log } = mirrored(() => new Promise((resolve) => waiting.push(resolve)));
  for (let i = 0; i < 130; i++) mirror.send(testExchange());
  await turn();
  expect(waiting).toHaveLength(128);
  expect(log).toEqual(
    Array(2).fill('debug a request was not copied: too many copies are on their way {"backend":"/m"}'),
  );
  waiting[0]?.(empty());
  await turn();
  mirror.send(testExchange());
  await turn();
  expect(waiting).toHaveLength(129);
  for (const answer of waiting) answer(empty());
});

test('what goes wrong is told to the log alone', async () => {
  const { mirror, log } = mirrored(() =>
    Promise.reject(new GatewayError('upstreamCallFailed', { logDetail: 'refused' })),
  );
  mirror.send(testExchange());
  await turn();
  expect(log).toEqual(['warn a copy of a request was lost {"backend":"/m","error":"upstream call failed: refused"}']);
});

test('chance decides, by the share', async () => {
  let copies = 0;
  const draws = [0, 0.24, 0.25, 0.9];
  const send = async () => {
    copies += 1;
    return empty();
  };
  const { mirror } = mirrored(send, 0.25, () => draws.shift() as number);
  for (let i = 0; i < 4; i++) mirror.send(testExchange());
  await turn();
  expect(copies).toBe(2);
});
