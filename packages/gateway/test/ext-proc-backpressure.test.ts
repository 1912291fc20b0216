import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { processing } from './support/ext-proc-config.ts';
import { gateway } from './support/gateway.ts';
import type { GrpcService } from './support/grpc-services.ts';
import { H2Client } from './support/h2-client.ts';
import { H2Upstream } from './support/h2-upstream.ts';
import { bodyOf, processor, unchanged } from './support/processors.ts';

const MIB = 1024 * 1024;
const total = 6 * MIB;

/** Bytes of bodies that the processor has seen. */
function seen(service: GrpcService): number {
  return service.requests.reduce((sum, message) => sum + bodyOf(message).length, 0);
}

/** Waits until nothing has moved for so many turns of the loop. What is not bounded moves on until all of it has. */
async function standstill(service: GrpcService): Promise<number> {
  for (let still = 0, last = seen(service); still < 300; ) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = seen(service);
    still = now === last ? still + 1 : 0;
    last = now;
  }
  return seen(service);
}

async function count(from: Readable): Promise<number> {
  let bytes = 0;
  for await (const chunk of from) bytes += (chunk as Buffer).length;
  return bytes;
}

test('an upstream that does not read stops the client, with little on its way', async () => {
  const reading = Promise.withResolvers<void>();
  await using upstream = await H2Upstream.start(async (request, response) => {
    await reading.promise;
    response.end(String(await count(request)));
  });
  await using service = await processor(unchanged);
  await using gw = await gateway(processing(upstream, service));
  await using client = new H2Client(gw.url(''));
  const stream = client.open({ ':method': 'POST', ':path': '/' });
  stream.end(Buffer.alloc(total, 'x'));
  await service.received(2);
  expect(await standstill(service)).toBeLessThan(3 * MIB);
  reading.resolve();
  expect(String((await once(stream, 'data'))[0])).toBe(String(total));
});

test('a client that does not read stops the upstream, with little on its way', async () => {
  await using upstream = await H2Upstream.start((_request, response) => {
    response.end(Buffer.alloc(total, 'x'));
  });
  await using service = await processor(unchanged);
  await using gw = await gateway(processing(upstream, service));
  await using client = new H2Client(gw.url(''));
  const stream = client.open({ ':path': '/' });
  await service.received(3);
  expect(await standstill(service)).toBeLessThan(3 * MIB);
  expect(await count(stream)).toBe(total);
});

test('a processor that does not read stops the client', async () => {
  await using upstream = await H2Upstream.start((request, response) => {
    request.pipe(response);
  });
  const reading = Promise.withResolvers<void>();
  await using service = await processor((part, message, call) => {
    if (part === 'request_headers') {
      call.pause();
      void reading.promise.then(() => call.resume());
    }
    return unchanged(part, message, call);
  });
  await using gw = await gateway(processing(upstream, service));
  await using client = new H2Client(gw.url(''));
  const stream = client.open({ ':method': 'POST', ':path': '/' });
  stream.end(Buffer.alloc(total, 'x'));
  await service.received(1);
  await standstill(service);
  expect(stream.writableLength).toBeGreaterThan(3 * MIB);
  reading.resolve();
  expect(await count(stream)).toBe(total);
});
