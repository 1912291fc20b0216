import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { verifies } from '../verifies.ts';
import { GatewayProcess, Site } from './support/process.ts';

const MIB = 1024 * 1024;
const block = Buffer.alloc(256 * 1024, 'x');

/** Writes so many bytes, as fast as the other side takes them. */
async function pour(into: Writable, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes; sent += block.length) {
    if (!into.write(block)) await once(into, 'drain');
  }
  into.end();
}

async function count(from: Readable): Promise<number> {
  let bytes = 0;
  for await (const chunk of from) bytes += (chunk as Buffer).length;
  return bytes;
}

/** The most memory that the process ever had resident, bytes. */
function peakMemory(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

test('CEL-69: a body of a gigabyte comes down, a quarter of it goes up, and neither costs memory, though a log reads them', async () => {
  verifies('CEL-69');
  const upstream = http.createServer(async (request, response) => {
    if (request.method === 'GET') await pour(response, 1024 * MIB);
    else response.end(String(await count(request)));
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  using site = await Site.create();
  site.write(
    'gateway.yaml',
    `
config: { workerThreads: 1 }
gateways: { default: { port: PORT } }
frontendPolicies:
  accessLog:
    add: { body: 'size(request.body)', prefix: 'size(request.bodyPrefix)', answer: 'size(response.bodyPrefix)' }
routes: [ { backends: [ { host: "127.0.0.1:${(upstream.address() as AddressInfo).port}" } ] } ]
`,
  );
  await using gateway = await new GatewayProcess(site, { env: { LOG_FORMAT: 'json' } }).ready();
  const send = (method: string) =>
    http.request({ host: '127.0.0.1', port: site.ports[0] as number, method, agent: false });

  // What comes once, with the first bytes, is not the body's.
  const small = send('POST');
  await pour(small, 64 * MIB);
  const [first] = (await once(small, 'response')) as [IncomingMessage];
  expect(await first.setEncoding('utf8').toArray()).toEqual([String(64 * MIB)]);
  const before = peakMemory(gateway.child.pid as number);

  const download = send('GET').end();
  const [answer] = (await once(download, 'response')) as [IncomingMessage];
  expect(await count(answer)).toBe(1024 * MIB);

  const upload = send('POST');
  await pour(upload, 256 * MIB);
  const [counted] = (await once(upload, 'response')) as [IncomingMessage];
  expect((await counted.setEncoding('utf8').toArray()).join('')).toBe(String(256 * MIB));

  const lines = (await gateway.stdout.count('"scope":"request"', 3)).map((line) => JSON.parse(line));
  expect(lines.map(({ body, prefix, answer }) => [body, prefix, answer])).toEqual([
    [undefined, 2 * MIB, 8],
    [0, 0, 2 * MIB],
    [undefined, 2 * MIB, 9],
  ]);
  expect(peakMemory(gateway.child.pid as number) - before).toBeLessThan(64 * MIB);
  upstream.close();
});
