import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { Agent, Client, fetch, request } from 'undici';
import { afterAll, expect, test } from 'vitest';
import { Certificates } from './support/certificates.ts';
import { EchoServer } from './support/echo.ts';
import { gateway } from './support/gateway.ts';
import { H2Upstream } from './support/h2-upstream.ts';

const run = promisify(execFile);
const certificates = new Certificates({ a: ['DNS:localhost', 'IP:127.0.0.1'] });
afterAll(() => certificates[Symbol.dispose]());
const ca = certificates.read('ca.pem');

const to = (host: string, more = '') => `
gateways: { default: { port: PORT${more} } }
routes: [ { backends: [ { host: "${host}" } ] } ]
`;
const secure = ', tls: { cert: a.pem, key: a.key }';

/** Tests with a program of the machine's; skipped, with the reason, where it is not there. */
async function testWith(program: string, name: string, body: () => Promise<void>): Promise<void> {
  const found = await run(program, ['--version']).then(
    () => true,
    () => false,
  );
  if (!found) console.log(`skipped: ${name}: ${program} is not installed`);
  test.skipIf(!found)(name, body);
}

async function curl(...args: string[]): Promise<string> {
  const { stdout } = await run('curl', ['-sS', '--max-time', '20', ...args], { maxBuffer: 64 * 1024 * 1024 });
  return stdout;
}

test('undici pipelines: every answer comes, in order', async () => {
  await using echo = await EchoServer.start('echo', (_request, response, seen) => response.end(seen.url));
  await using gw = await gateway(to(echo.host));
  const client = new Client(`http://127.0.0.1:${gw.port}`, { pipelining: 10 });
  const paths = Array.from({ length: 50 }, (_, i) => `/${i}`);
  const answers = await Promise.all(
    paths.map(async (path) => (await client.request({ method: 'GET', path, idempotent: true })).body.text()),
  );
  expect(answers).toEqual(paths);
  await client.close();
  expect(new Set(gw.lines.map((line) => line['src.addr'])).size).toBe(1);
});

test('undici speaks HTTP/2 where it is offered', async () => {
  await using echo = await EchoServer.start('echo', (_request, response, seen) => response.end(seen.body));
  await using gw = await gateway(to(echo.host, secure), { directory: certificates.directory });
  const dispatcher = new Agent({ allowH2: true, connect: { ca } });
  const bodies = Array.from({ length: 20 }, (_, i) => String(i).repeat(10_000));
  const answers = await Promise.all(
    bodies.map(async (body) => {
      const answer = await request(`https://localhost:${gw.port}/`, { dispatcher, method: 'POST', body });
      return answer.body.text();
    }),
  );
  expect(answers).toEqual(bodies);
  expect(new Set(gw.lines.map((line) => line['http.version']))).toEqual(new Set(['HTTP/2.0']));
  await dispatcher.close();
});

test('a fetch that is aborted ends the upstream request', async () => {
  const gone = Promise.withResolvers<void>();
  await using echo = await EchoServer.start('endless', (_request, response) => {
    response.on('close', gone.resolve);
    response.write('first');
  });
  await using gw = await gateway(to(echo.host));
  const abort = new AbortController();
  const dispatcher = new Agent();
  const answer = await fetch(gw.url(), { signal: abort.signal, dispatcher });
  const reader = answer.body?.getReader();
  await reader?.read();
  abort.abort();
  await gone.promise;
  await dispatcher.destroy();
});

await testWith('curl', 'curl in every version, with and without TLS', async () => {
  await using echo = await EchoServer.start('echo', (_request, response, seen) => response.end(seen.body));
  await using upstream = await H2Upstream.start((incoming, response) => incoming.pipe(response));
  await using gw = await gateway(
    `
gateways: { default: { port: PORT }, secure: { port: PORT2${secure} } }
routes:
- { gateways: [default, secure], matches: [ { path: { exact: /h1 } } ], backends: [ { host: "${echo.host}" } ] }
- { gateways: default, matches: [ { path: { exact: /h2 } } ], backends: [ { host: "${upstream.host}" } ] }
`,
    { directory: certificates.directory },
  );
  const url = (path: string) => `http://127.0.0.1:${gw.port}${path}`;
  const tls = ['--cacert', certificates.path('ca.pem'), `https://localhost:${gw.ports[1]}/h1`];
  expect(await curl('-d', 'one', url('/h1'))).toBe('one');
  expect(await curl('--http1.0', '-d', 'two', url('/h1'))).toBe('two');
  expect(await curl('--http2-prior-knowledge', '-d', 'three', url('/h2'))).toBe('three');
  expect(await curl('--http1.1', '-d', 'four', ...tls)).toBe('four');
  expect(await curl('--http2', '-d', 'five', ...tls)).toBe('five');
  expect(await curl('-I', url('/h1'))).toContain('HTTP/1.1 200 OK');
  expect(gw.lines.map((line) => line['http.version'])).toEqual([
    'HTTP/1.1',
    'HTTP/1.0',
    'HTTP/2.0',
    'HTTP/1.1',
    'HTTP/2.0',
    'HTTP/1.1',
  ]);
});

await testWith('curl', 'curl asks before it sends a large body', async () => {
  await using echo = await EchoServer.start('echo', (_request, response, seen) =>
    response.end(String(seen.body.length)),
  );
  await using gw = await gateway(`
gateways: { default: { port: PORT } }
routes:
- { matches: [ { path: { exact: /up } } ], backends: [ { host: "${echo.host}" } ] }
- { matches: [ { path: { exact: /no } } ], policies: { directResponse: { status: 403, body: no } } }
`);
  writeFileSync(certificates.path('large'), Buffer.alloc(5_000_000, 120));
  const upload = ['-v', '-H', 'Expect: 100-continue', '--data-binary', `@${certificates.path('large')}`];
  const asked = await run('curl', ['-sS', ...upload, gw.url('/up')]);
  expect(asked.stdout).toBe('5000000');
  expect(asked.stderr).toContain('HTTP/1.1 100 Continue');
  const refused = await run('curl', ['-sS', ...upload, gw.url('/no')]);
  expect(refused.stdout).toBe('no');
  expect(refused.stderr).not.toContain('100 Continue');
});

await testWith('curl', 'curl resumes, compresses and streams what passes through untouched', async () => {
  await using echo = await EchoServer.start('ranges', (incoming, response) => {
    if (incoming.headers.range !== undefined) response.writeHead(206, { 'content-range': 'bytes 5-9/10' }).end('56789');
    else response.writeHead(200, { etag: '"a"', vary: 'accept-encoding' }).end('0123456789');
  });
  await using gw = await gateway(to(echo.host));
  expect(await curl('-r', '5-9', gw.url())).toBe('56789');
  expect(await curl('-i', '--compressed', gw.url())).toMatch(/etag: "a"[\s\S]*0123456789/);
  expect(echo.requests[1]?.headers['accept-encoding']).toContain('gzip');
});

await testWith('nghttp', 'nghttp: many streams, priorities, bodies', async () => {
  await using upstream = await H2Upstream.start((_incoming, response) => response.end('x'.repeat(20_000)));
  await using gw = await gateway(to(upstream.host));
  const { stdout } = await run('nghttp', ['-ns', '-m', '20', '--max-concurrent-streams=10', gw.url('/a')]);
  expect(stdout.match(/ 200 /g)).toHaveLength(20);
  expect(gw.lines).toHaveLength(20);
});

await testWith('curl', 'curl that is killed ends the upstream request', async () => {
  const started = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  await using echo = await EchoServer.start('thinking', (incoming) => {
    incoming.socket.on('close', () => gone.resolve());
    started.resolve();
  });
  await using gw = await gateway(to(echo.host));
  const child = spawn('curl', ['-sS', gw.url()], { stdio: 'ignore' });
  await started.promise;
  child.kill('SIGKILL');
  await once(child, 'exit');
  await gone.promise;
  expect(await gw.line()).toMatchObject({ endpoint: echo.host });
});
