import { expect, test } from 'vitest';
import { ask } from './support/ask.ts';
import { Certificates } from './support/certificates.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { verifies } from './verifies.ts';

const policies = (text: string) => `
gateways: { default: { port: PORT } }
routes:
- policies: { ${text} }
`;

/** An answer that shows what an expression gives. */
const show = (expression: string) => policies(`directResponse: { status: 200, bodyExpression: '${expression}' }`);

/** What a user reads of a configuration that must be wrong. */
async function refusal(text: string): Promise<string> {
  try {
    await using _ = await gateway(text);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('expected to be refused');
}

test('CEL-73: a broken rule of a file is refused, with its place in the file and in the expression', async () => {
  verifies('CEL-73');
  expect(await refusal(policies("authorization: { rules: [ { allow: '1 +' } ] }"))).toBe(
    'test.yaml:4:50: routes[0].policies.authorization.rules[0].allow: ' +
      'not an expression: Syntax error: the expression ends too early (column 4 of 1 +)',
  );
});

test('CEL-21, CEL-28: what the parser refuses is refused when the file is read', async () => {
  verifies('CEL-21', 'CEL-28');
  expect(await refusal(show('has(jwt)'))).toBe(
    'test.yaml:4:62: routes[0].policies.directResponse.bodyExpression: ' +
      'not an expression: invalid argument to has() macro (column 5 of has(jwt))',
  );
  expect(await refusal(show('a.?b'))).toContain("not an expression: unsupported syntax '?' (column 3 of a.?b)");
  const lines = `
gateways: { default: { port: PORT } }
routes:
- policies:
    directResponse:
      status: 200
      bodyExpression: |
        request.path
          == )
`;
  expect(await refusal(lines)).toBe(
    'test.yaml:7:23: routes[0].policies.directResponse.bodyExpression: ' +
      "not an expression: Syntax error: unexpected ')' (line 2, column 6: == ))",
  );
});

const withFunctions = (functions: string, rest: string) => `
config:
  customFunctions: '${functions}'${rest}`;

test('CEL-79: custom functions see the request, and what they read is captured for them', async () => {
  verifies('CEL-79');
  await using echo = await EchoServer.start();
  const rest = (condition: string) => `
gateways: { default: { port: PORT } }
routes:
- backends: [ { host: "${echo.host}" } ]
  policies: { authorization: { rules: [ { allow: '${condition}' } ] } }
`;
  const functions = 'isGet() { request.method == "GET" } says(text) { string(request.body) == text }';
  await using gw = await gateway(withFunctions(functions, rest('isGet() || says("open")')));
  const post = async (body: string) => (await ask(gw.port, { method: 'POST', body })).status;
  expect([(await ask(gw.port)).status, await post('open'), await post('shut')]).toEqual([200, 200, 403]);
});

test('CEL-80, CEL-81: functions that call each other in a circle, or take a name, are refused', async () => {
  verifies('CEL-80', 'CEL-81');
  const refused = (functions: string) => refusal(withFunctions(functions, ''));
  expect(await refused('f(a) { g(a) } g(a) { f(a) }')).toMatch(
    /^test\.yaml:3:20: config\.customFunctions: invalid config\.customFunctions: .*recursion/,
  );
  expect(await refused('size() { 1 }')).toMatch(
    /^test\.yaml:3:20: config\.customFunctions: .*conflicts with an existing CEL function/,
  );
  expect(await refused('f() { 1 + }')).toMatch(/^test\.yaml:3:20: config\.customFunctions: .*\(column \d+ of f\(\)/);
});

test('CEL-86: variables() shows what is there, bodies included', async () => {
  verifies('CEL-86');
  await using gw = await gateway(show('variables()'));
  const answer = await ask(gw.port, { method: 'POST', path: '/p?q', body: 'hello', headers: { 'x-a': '1' } });
  const seen = JSON.parse(answer.text);
  expect(Object.keys(seen).toSorted()).toEqual(['destination', 'env', 'proxy', 'request', 'source']);
  expect(seen.request).toMatchObject({
    method: 'POST',
    path: '/p',
    pathAndQuery: '/p?q',
    uri: `http://127.0.0.1:${gw.port}/p?q`,
    host: `127.0.0.1:${gw.port}`,
    scheme: 'http',
    version: 'HTTP/1.1',
    body: Buffer.from('hello').toString('base64'),
    headers: { 'x-a': '1' },
  });
  expect(seen.destination).toEqual({ address: '127.0.0.1', port: gw.port });
  expect(seen.proxy).toMatchObject({
    bind: expect.stringContaining(String(gw.port)),
    gateway: { namespace: 'default', name: 'default' },
    listener: { name: 'default' },
    route: { namespace: 'default', name: 'route0', kind: 'http' },
  });
});

test('CEL-82: what the upstream took is known to the response, and false to the request', async () => {
  verifies('CEL-82');
  await using echo = await EchoServer.start();
  const took = 'proxy.upstreamDuration > duration("0s")';
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- backends: [ { host: "${echo.host}" } ]
  policies:
    directResponse: { conditional: [ { condition: '${took}', status: 418 } ] }
    transformations: { response: { set: { x-took: 'string(${took})' } } }
`);
  const answer = await ask(gw.port);
  expect([answer.status, answer.headers['x-took']]).toEqual([200, 'true']);
});

test('expressions see the certificate that a client showed', async () => {
  using certificates = new Certificates({
    server: ['DNS:gateway.test'],
    client: ['URI:spiffe://mesh.test/ns/shop/sa/cart', 'DNS:cart.test'],
    plain: ['DNS:plain.test'],
  });
  await using gw = await gateway(
    `
gateways:
  default:
    port: PORT
    protocol: HTTPS
    tls: { cert: server.pem, key: server.key, root: ca.pem }
routes:
- policies: { directResponse: { status: 200, bodyExpression: source } }
`,
    { directory: certificates.directory },
  );
  const as = async (name: string) => {
    const [cert, key] = [certificates.read(`${name}.pem`), certificates.read(`${name}.key`)];
    const { text } = await ask(gw.port, {
      secure: true,
      ca: certificates.read('ca.pem'),
      servername: 'gateway.test',
      cert,
      key,
    });
    return JSON.parse(text);
  };
  const client = await as('client');
  expect(client).toMatchObject({
    address: '127.0.0.1',
    rawAddress: '127.0.0.1',
    spiffeId: 'spiffe://mesh.test/ns/shop/sa/cart',
    identity: { trustDomain: 'mesh.test', namespace: 'shop', serviceAccount: 'cart' },
    subjectAltNames: ['spiffe://mesh.test/ns/shop/sa/cart', 'cart.test'],
    subject: 'CN=client',
    subjectCn: 'client',
    issuer: 'CN=scenario authority',
    connectHeaders: {},
  });
  expect(client.certificate.replaceAll(/\s/g, '')).toBe(certificates.read('client.pem').replaceAll(/\s/g, ''));
  expect(await as('plain')).toMatchObject({ identity: null, spiffeId: null, subjectAltNames: ['plain.test'] });
});
