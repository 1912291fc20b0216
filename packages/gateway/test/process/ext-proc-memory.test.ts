import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { processor, unchanged } from '../support/processors.ts';
import { GatewayProcess, Site } from './support/process.ts';

const MIB = 1024 * 1024;
const block = Buffer.alloc(256 * 1024, 'x');

/** The most memory that the process ever had resident, bytes. */
function peakMemory(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

test('a large body goes through a processor and back, and costs no memory', async () => {
  const upstream = http.createServer((request, response) => request.pipe(response));
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  await using service = await processor(unchanged);
  using site = await Site.create();
  site.write(
    'gateway.yaml',
    `
config: { workerThreads: 1 }
gateways: { default: { port: PORT } }
routes:
- policies: { extProc: { host: "${service.host}" } }
  backends: [ { host: "127.0.0.1:${(upstream.address() as AddressInfo).port}" } ]
`,
  );
  // What was received is noted by the service, and is of no use here.
  service.requests.push = () => 0;
  await using gateway = await new GatewayProcess(site, {}).ready();

  async function send(blocks: number): Promise<number> {
    const request = http.request({ host: '127.0.0.1', port: site.ports[0] as number, method: 'POST', agent: false });
    const answered = once(request, 'response') as Promise<[IncomingMessage]>;
    const sending = (async () => {
      for (let i = 0; i < blocks; i++) if (!request.write(block)) await once(request, 'drain');
      request.end();
    })();
    const [response] = await answered;
    let bytes = 0;
    for await (const chunk of response) bytes += (chunk as Buffer).length;
    await sending;
    return bytes;
  }

  const few = 40;
  expect(await send(few)).toBe(few * block.length);
  const before = peakMemory(gateway.child.pid as number);
  expect(await send(4 * few)).toBe(4 * few * block.length);
  expect(peakMemory(gateway.child.pid as number) - before).toBeLessThan(24 * MIB);
  upstream.close();
});
