import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { OtlpReceiver } from './support/otlp-receiver.ts';
import { verifies } from './verifies.ts';

const env = { OTEL_BSP_SCHEDULE_DELAY: '1' };

const config = (backend: string, tracing: string, rest = '') => `
frontendPolicies:
  tracing: ${tracing}
gateways: { default: { port: PORT } }
routes:
- name: all
  backends: [ { host: "${backend}" } ]
  ${rest}
`;

const traceId = '0af7651916cd43dd8448eb211c80319c';
const parent = `00-${traceId}-b7ad6b7169203331-01`;

test('TEL-34: a sampled request is exported as a server span with a client span below it', async () => {
  verifies('TEL-34');
  await using echo = await EchoServer.start();
  await using otlp = await OtlpReceiver.grpc();
  await using gw = await gateway(config(`localhost:${echo.port}`, `{ host: "${otlp.host}", randomSampling: true }`), {
    env,
  });
  await ask(gw.port, { path: '/a?x=1' });
  const [server, client, ...more] = await otlp.spans(2);
  expect(more).toEqual([]);
  expect(server).toMatchObject({ name: 'GET /*', kind: 'SPAN_KIND_SERVER', parentSpanId: '', scope: 'agentgateway' });
  expect(client).toMatchObject({
    name: `GET localhost:${echo.port}`,
    kind: 'SPAN_KIND_CLIENT',
    traceId: server?.traceId,
    parentSpanId: server?.spanId,
  });
  expect(echo.requests[0]?.headers.traceparent).toBe(`00-${client?.traceId}-${client?.spanId}-01`);
  expect(await gw.line()).toMatchObject({ 'trace.id': server?.traceId, 'span.id': server?.spanId });
});
