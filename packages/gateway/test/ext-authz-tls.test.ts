import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { CheckResponseSchema } from '@agentgateway/protos';
import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { Certificates } from './support/certificates.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';

/** A gateway whose service of this port, named `authz`, is reached by TLS with a client's certificate of its own. */
const config = (echo: EchoServer, port: number, certificates: Certificates, protocol: string) => `
gateways: { default: { port: PORT } }
backends:
- name: authz
  host: "127.0.0.1:${port}"
  policies: { requestHeaderModifier: { set: { x-from: gateway } } }
routes:
- backends: [ { host: "${echo.host}" } ]
  policies:
    extAuthz:
      backend: authz
      policies:
        backendTLS:
          root: ${certificates.path('ca.pem')}
          hostname: authz.test
          cert: ${certificates.path('gateway.pem')}
          key: ${certificates.path('gateway.key')}
      protocol: { ${protocol}: {} }
`;

test('a service is reached by TLS, over HTTP and over gRPC', async () => {
  using certificates = new Certificates({ authz: ['DNS:authz.test'], gateway: ['DNS:gateway.test'] });
  const tls = {
    cert: certificates.read('authz.pem'),
    key: certificates.read('authz.key'),
    ca: certificates.read('ca.pem'),
    requestCert: true,
    rejectUnauthorized: true,
  };
  await using echo = await EchoServer.start();
  const seen: unknown[] = [];
  const web = https.createServer(tls, (request, response) => {
    seen.push(['http', request.headers['x-from'], request.headers.authorization]);
    response.writeHead(request.headers.authorization === 'good' ? 200 : 403).end();
  });
  const grpc = http2.createSecureServer(tls);
  grpc.on('stream', (stream, headers) => {
    seen.push(['grpc', headers['x-from'], headers[':path']]);
    const message = toBinary(CheckResponseSchema, create(CheckResponseSchema, { status: { code: 0 } }));
    const prefix = Buffer.from([0, 0, 0, 0, message.length]);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.concat([prefix, message]));
  });
  const portOf = async (server: https.Server | http2.Http2SecureServer) => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  try {
    await using gw = await gateway(config(echo, await portOf(web), certificates, 'http'));
    const asked = (authorization: string) => ask(gw.port, { headers: { host: 'h', authorization } });
    expect((await asked('good')).status).toBe(200);
    expect((await asked('bad')).status).toBe(403);
    await gw.reload(config(echo, await portOf(grpc), certificates, 'grpc'));
    expect((await asked('any')).status).toBe(200);
    expect(seen).toEqual([
      ['http', 'gateway', 'good'],
      ['http', 'gateway', 'bad'],
      ['grpc', 'gateway', '/envoy.service.auth.v3.Authorization/Check'],
    ]);
  } finally {
    web.closeAllConnections();
    web.close();
    grpc.close();
  }
});
