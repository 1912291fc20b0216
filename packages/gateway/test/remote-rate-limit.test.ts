import http2 from 'node:http2';
import { DnsError } from '@agentgateway/http';
import { ServerCredentials } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { Certificates } from './support/certificates.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { GrpcService, type Plain, rateLimit } from './support/grpc-services.ts';
import { freePort } from './support/ports.ts';
import { verifies } from './verifies.ts';

const byUser = '[ { entries: [ { key: user, value: \'request.headers["x-user"]\' } ] } ]';
const user = (name: string) => ({ headers: { 'x-user': name } });

/** Route `/a` with the policy, and `/plain` beside it. */
function config(echo: EchoServer, fields: string, more = '') {
  return `
gateways: { default: { port: PORT } }
routes:
- { name: plain, matches: [ { path: { pathPrefix: /plain } } ], backends: [ { host: "${echo.host}" } ] }
- name: limited
  backends: [ { host: "${echo.host}" } ]
  policies: { remoteRateLimit: { ${fields} } ${more} }
`;
}

const limited = (service: { host: string }, more = '', descriptors = byUser) =>
  `host: "${service.host}", domain: shop, descriptors: ${descriptors}${more}`;

const ok: Plain = { overall_code: 'OK' };

test('a request is counted as its descriptors say, and passes', async () => {
  await using echo = await EchoServer.start();
  await using service = await rateLimit(() => ok);
  const descriptors = [
    {
      entries: [
        { key: 'user', value: 'request.headers["x-user"]' },
        { key: 'path', value: 'request.path' },
      ],
    },
    { entries: [{ key: 'size', value: '"big"' }], cost: 'size(request.path)' },
    { entries: [{ key: 'none', value: 'request.headers["x-none"]' }] },
    { entries: [{ key: 'gold', value: 'true' }], limitOverride: '{"unit": "hour", "requestsPerUnit": 9}' },
  ];
  await using gw = await gateway(config(echo, limited(service, '', JSON.stringify(descriptors))));
  expect((await ask(gw.port, { path: '/a', ...user('u1') })).status).toBe(200);
  expect(service.requests).toEqual([
    {
      domain: 'shop',
      descriptors: [
        {
          entries: [
            { key: 'user', value: 'u1' },
            { key: 'path', value: '/a' },
          ],
        },
        { entries: [{ key: 'size', value: 'big' }], hits_addend: { value: '2' } },
        { entries: [{ key: 'gold', value: 'true' }], limit: { requests_per_unit: 9, unit: 'HOUR' } },
      ],
    },
  ]);
  expect(echo.requests).toHaveLength(1);
});

test('POL-56: without a descriptor left nobody is asked', async () => {
  verifies('POL-56');
  await using echo = await EchoServer.start();
  await using service = await rateLimit(() => ({ overall_code: 'OVER_LIMIT' }));
  await using gw = await gateway(config(echo, limited(service)));
  expect((await ask(gw.port)).status).toBe(200);
  expect((await ask(gw.port, user('u'))).status).toBe(429);
  expect(service.requests).toHaveLength(1);
});

test('POL-57: one too many is refused in the words of the service, and told of the tightest limit', async () => {
  verifies('POL-57');
  await using echo = await EchoServer.start();
  await using service = await rateLimit(() => ({
    overall_code: 'OVER_LIMIT',
    raw_body: Buffer.from('slow down'),
    response_headers_to_add: [
      { key: 'X-Why', value: 'quota' },
      { key: 'set-cookie', value: 'a=1' },
      { key: 'set-cookie', raw_value: Buffer.from('b=2') },
      { key: 'bad name', value: 'x' },
      { key: ':status', value: '200' },
    ],
    statuses: [
      status(100, 7, 30),
      { code: 'OK', limit_remaining: 0 },
      { ...status(5, 0, 12), duration_until_reset: { seconds: '12', nanos: 900_000_000 } },
    ],
  }));
  await using gw = await gateway(config(echo, limited(service)));
  const answer = await ask(gw.port, user('u'));
  expect(answer).toMatchObject({
    status: 429,
    text: 'slow down',
    headers: {
      'content-type': 'text/plain',
      'x-why': 'quota',
      'set-cookie': ['a=1', 'b=2'],
      'x-ratelimit-limit': '5',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': '12',
      'retry-after': '12',
    },
  });
  expect(echo.requests).toHaveLength(0);
  expect(await gw.line()).toMatchObject({ reason: 'DirectResponse', 'http.status': 429 });

  const grpc = await ask(gw.port, { headers: { 'x-user': 'u', 'content-type': 'application/grpc' } });
  expect(grpc).toMatchObject({ status: 200, text: '', headers: { 'grpc-status': '14', 'x-ratelimit-limit': '5' } });
});

test('what the service says of limits itself goes before what is made of its counts', async () => {
  await using echo = await EchoServer.start();
  await using service = await rateLimit(({ descriptors }) => ({
    overall_code: JSON.stringify(descriptors).includes('late') ? 'OVER_LIMIT' : 'OK',
    response_headers_to_add: [{ key: 'x-ratelimit-limit', value: '77' }],
    statuses: [status(5, 2, 12)],
  }));
  const local = 'localRateLimit: [ { maxTokens: 9, tokensPerFill: 1, fillInterval: 1h } ]';
  await using gw = await gateway(config(echo, limited(service), `, ${local}`));
  for (const [name, expected] of [
    ['early', 200],
    ['late', 429],
  ] as const) {
    const answer = await ask(gw.port, user(name));
    expect([answer.status, answer.headers['x-ratelimit-limit']]).toEqual([expected, '77']);
    // Neither what the status says nor what the local limit has queued stands beside it.
    expect([answer.headers['x-ratelimit-remaining'], answer.headers['x-ratelimit-reset']]).toEqual([
      undefined,
      undefined,
    ]);
  }
});

test('the counts of the service take the place of those of a local limit', async () => {
  await using echo = await EchoServer.start();
  await using service = await rateLimit(() => ({ overall_code: 'OK', statuses: [status(50, 20, 3)] }));
  const local = 'localRateLimit: [ { maxTokens: 9, tokensPerFill: 1, fillInterval: 1h } ]';
  await using gw = await gateway(config(echo, limited(service), `, ${local}`));
  expect((await ask(gw.port, user('u'))).headers).toMatchObject({
    'x-ratelimit-limit': '50',
    'x-ratelimit-remaining': '20',
    'x-ratelimit-reset': '3',
  });
  expect((await ask(gw.port)).headers).toMatchObject({ 'x-ratelimit-limit': '9', 'x-ratelimit-remaining': '7' });
});

test('POL-80: fields for the upstream replace those of the client', async () => {
  verifies('POL-80');
  await using echo = await EchoServer.start();
  await using service = await rateLimit(() => ({
    overall_code: 'OK',
    request_headers_to_add: [
      { key: 'X-Tier', value: 'gold' },
      { key: 'x-list', value: 'one' },
      { key: 'x-list', value: 'two' },
      { key: 'x-empty' },
      { key: 'x-bad', value: 'a\r\nb: c' },
    ],
    response_headers_to_add: [{ key: 'x-quota', value: 'ok' }],
  }));
  await using gw = await gateway(config(echo, limited(service)));
  const answer = await ask(gw.port, { headers: { 'x-user': 'u', 'x-tier': 'platinum', 'x-list': 'zero' } });
  expect(answer.headers['x-quota']).toBe('ok');
  const headers = echo.requests[0]?.headers;
  expect(headers).toMatchObject({ 'x-tier': 'gold', 'x-list': 'one, two' });
  expect(Object.keys(headers ?? {}).filter((name) => ['x-empty', 'x-bad', 'b'].includes(name))).toEqual([]);
});

test('the entry whose condition holds is asked, once', async () => {
  await using echo = await EchoServer.start('echo', (_request, response) => response.writeHead(503).end());
  await using a = await rateLimit(() => ok);
  await using b = await rateLimit(() => ok);
  const any = `[ { entries: [ { key: k, value: '"v"' } ] } ]`;
  const fields = `conditional: [ { condition: 'request.path == "/a"', ${limited(a, '', any)} }, { ${limited(b, '', any)} } ]`;
  await using gw = await gateway(config(echo, fields, ', retry: { attempts: 2, codes: [503] }'));
  await ask(gw.port, { path: '/a' });
  await ask(gw.port, { path: '/b' });
  expect(echo.requests).toHaveLength(6);
  expect([a.requests.length, b.requests.length]).toEqual([1, 1]);
});

type Broken = { readonly host: string } & Partial<AsyncDisposable>;

const breakages: [name: string, start: () => Promise<Broken>][] = [
  ['is down', async () => ({ host: `127.0.0.1:${await freePort()}` })],
  ['is no name that exists', async () => ({ host: 'nobody.invalid:1' })],
  ['refuses', () => rateLimit(() => Promise.reject(Object.assign(new Error(), { code: 7, details: 'secret words' })))],
  ['does not know', () => rateLimit(() => ({ overall_code: 'UNKNOWN' }))],
  ['says nothing', () => rateLimit(() => ({}))],
  ['answers more than is read', () => rateLimit(() => ({ overall_code: 'OK', raw_body: Buffer.alloc(5_000_000) }))],
  ['speaks HTTP/1.1', () => EchoServer.start()],
  [
    'offers another service',
    () =>
      GrpcService.unary(
        'envoy/service/auth/v3/external_auth.proto',
        'envoy.service.auth.v3.Authorization',
        'Check',
        () => ({}),
      ),
  ],
  [
    'dies over it',
    async () => {
      const service = await rateLimit(() => {
        service.die();
        return new Promise(() => {});
      });
      return service;
    },
  ],
];

test.each(breakages)(
  'POL-58: a service that %s fails requests or lets them pass, as the file says',
  async (_name, start) => {
    verifies('POL-58');
    for (const [mode, expected] of [
      ['', { status: 500, text: 'rate limit failed' }],
      [', failureMode: failOpen', { status: 200 }],
    ] as const) {
      await using echo = await EchoServer.start();
      const service = await start();
      await using _ = { [Symbol.asyncDispose]: async () => service[Symbol.asyncDispose]?.() };
      await using gw = await gateway(config(echo, limited(service, mode)), { resolver: noNames });
      const [answer, plain] = await Promise.all([ask(gw.port, user('u')), ask(gw.port, { path: '/plain' })]);
      expect(answer).toMatchObject(expected);
      expect(plain.status).toBe(200);
      expect(echo.requests).toHaveLength(mode === '' ? 1 : 2);
      if (mode !== '') continue;
      const lines = [await gw.line(1), await gw.line(2)];
      expect(lines.find(({ route }) => String(route).includes('limited'))).toMatchObject({ reason: 'RateLimit' });
    }
  },
);

test('a service that comes back is asked again; both are told once', async () => {
  await using echo = await EchoServer.start();
  let broken = true;
  await using service = await rateLimit(() => {
    if (broken) throw new Error('not now');
    return ok;
  });
  await using gw = await gateway(config(echo, limited(service, ', failureMode: failOpen')));
  for (let i = 0; i < 3; i++) expect((await ask(gw.port, user('u'))).status).toBe(200);
  broken = false;
  for (let i = 0; i < 2; i++) expect((await ask(gw.port, user('u'))).status).toBe(200);
  const told = gw.log.filter((line) => line.includes('rateLimit')).map((line) => line.split(' ')[0]);
  expect(told).toEqual(['warn', 'info']);
  expect(service.requests).toHaveLength(5);
});

test.each(['', ', failureMode: failOpen'])(
  'a service that hangs is given up when the request has had its time%s',
  async (mode) => {
    await using echo = await EchoServer.start();
    await using service = await rateLimit(() => new Promise(() => {}));
    await using gw = await gateway(config(echo, limited(service, mode), ', timeout: { requestTimeout: 100ms }'));
    const waiting = ask(gw.port, user('u'));
    await service.received(1);
    expect((await ask(gw.port, { path: '/plain' })).status).toBe(200);
    expect(await waiting).toMatchObject({ status: 504, text: 'request timeout' });
    await service.givenUp(1);
    expect(echo.requests).toHaveLength(1);
  },
);

test('a client that leaves takes the call with it', async () => {
  await using echo = await EchoServer.start();
  await using service = await rateLimit(() => new Promise(() => {}));
  await using gw = await gateway(config(echo, limited(service, ', failureMode: failOpen')));
  const client = http2.connect(`http://127.0.0.1:${gw.port}`);
  const stream = client.request({ ':path': '/', 'x-user': 'u' });
  stream.on('error', () => {});
  await service.received(1);
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await service.givenUp(1);
  await gw.line();
  client.destroy();
  // Failing open is for services, not for clients.
  expect(echo.requests).toHaveLength(0);
  expect(gw.log.filter((line) => line.includes('rateLimit'))).toEqual([]);
});

const noNames = {
  lookup(host: string): never {
    throw new DnsError(host, 'ENOTFOUND');
  },
  close() {},
};

test('a service behind TLS, whatever the client speaks', async () => {
  using certificates = new Certificates({ limits: ['IP:127.0.0.1'], gateway: ['DNS:gw.test'] });
  const [root, leaf, key] = ['ca.pem', 'limits.pem', 'limits.key'].map((file) => Buffer.from(certificates.read(file)));
  const pair = { cert_chain: leaf as Buffer, private_key: key as Buffer };
  await using echo = await EchoServer.start();
  await using secure = await rateLimit(() => ok, ServerCredentials.createSsl(root as Buffer, [pair]));
  await using plain = await rateLimit(() => ok);
  const tls = `policies: { backendTLS: { root: "${certificates.path('ca.pem')}" } }`;
  const any = `[ { entries: [ { key: k, value: '"v"' } ] } ]`;
  const fields = `conditional: [
      { condition: 'request.path == "/plain-service"', ${limited(plain, '', any)} },
      { ${limited(secure, `, ${tls}`, any)} } ]`;
  const listener = `{ protocol: HTTPS, tls: { cert: "${certificates.path('gateway.pem')}", key: "${certificates.path('gateway.key')}" } }`;
  await using gw = await gateway(
    config(echo, fields)
      .replace(
        'gateways: { default: { port: PORT } }',
        `gateways: { default: { port: PORT }, tls: { port: PORT2, listeners: [ ${listener} ] } }`,
      )
      .replaceAll('- { name: plain', '- { gateways: [ default, tls ], name: plain')
      .replace('- name: limited', '- name: limited\n  gateways: [ default, tls ]'),
  );
  const overTls = {
    secure: true,
    ca: certificates.read('ca.pem'),
    servername: 'gw.test',
    headers: { host: 'gw.test' },
  };
  expect((await ask(gw.port)).status).toBe(200);
  expect((await ask(gw.ports[1] as number, overTls)).status).toBe(200);
  expect((await ask(gw.ports[1] as number, { ...overTls, path: '/plain-service' })).status).toBe(200);
  expect([secure.requests.length, plain.requests.length]).toEqual([2, 1]);
});

function status(requestsPerUnit: number, remaining: number, seconds: number): Plain {
  return {
    code: remaining === 0 ? 'OVER_LIMIT' : 'OK',
    current_limit: { requests_per_unit: requestsPerUnit, unit: 'MINUTE' },
    limit_remaining: remaining,
    duration_until_reset: { seconds: String(seconds) },
  };
}
