import { generateKeyPairSync, sign } from 'node:crypto';
import { join } from 'node:path';
import { startGateway } from './lib/gateway.ts';
import { answer, startProxy } from './lib/nginx.ts';
import { node, type Running, root, start } from './lib/processes.ts';
import { type Spread, spread } from './lib/spread.ts';
import { drive } from './lib/wrk.ts';

/** Cores: what is measured has one of its own; the driver and the upstream share the other. */
export const MEASURED = 0;
export const DRIVER = 1;

/** Seconds that each side is driven before anything counts. */
const WARM_UP = 12;

export interface Comparison {
  readonly ours: Spread;
  readonly theirs: Spread;
  /** Ours over theirs, round by round. */
  readonly ratio: Spread;
  /** The same for answers per second of processor time, which other work on the machine disturbs less; null without one. */
  readonly cpuRatio: Spread | null;
}

/** A body as a small tool would send it. */
export const chatBody = JSON.stringify({
  model: 'gpt-4o-mini',
  messages: [
    { role: 'system', content: 'You are a helpful assistant that answers in one sentence.' },
    { role: 'user', content: 'What does a gateway between agents and models do?' },
  ],
});

interface Side {
  readonly url: string;
  /** What answers there, if its processor time counts. */
  readonly process?: Running;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Drives two servers in turn, a round each, and compares them round by round. */
async function compare(ours: Side, theirs: Side, rounds: number, seconds: number): Promise<Comparison> {
  const options = { connections: 32, seconds, expect: answer, body: chatBody };
  const run = async ({ url, headers, process }: Side) => {
    const before = process?.cpu() ?? 0;
    const { rate, answers } = await drive(DRIVER, url, {
      ...options,
      headers: { 'content-type': 'application/json', ...headers },
    });
    return { rate, perCpuSecond: process === undefined ? Number.NaN : answers / (process.cpu() - before) };
  };
  // Compilers take their time with code that is new to them.
  for (let warm = 0; warm < WARM_UP; warm += seconds) {
    await run(ours);
    await run(theirs);
  }
  const results: { readonly a: Awaited<ReturnType<typeof run>>; readonly b: Awaited<ReturnType<typeof run>> }[] = [];
  for (let round = 0; round < rounds; round++) results.push({ a: await run(ours), b: await run(theirs) });
  return {
    ours: spread(results.map(({ a }) => a.rate)),
    theirs: spread(results.map(({ b }) => b.rate)),
    ratio: spread(results.map(({ a, b }) => a.rate / b.rate)),
    cpuRatio:
      ours.process === undefined || theirs.process === undefined
        ? null
        : spread(results.map(({ a, b }) => a.perCpuSecond / b.perCpuSecond)),
  };
}

/** Plain route: ours against nginx as reverse proxy, each alone on its core while it is driven. */
export async function plainRoute(upstream: number, rounds: number, seconds: number): Promise<Comparison> {
  const gateway = await startGateway({
    core: MEASURED,
    port: 8011,
    name: 'plain',
    config: plainConfig(8011, upstream),
  });
  const nginx = await startProxy(MEASURED, 8012, upstream);
  const result = await compare(
    { url: 'http://127.0.0.1:8011/', process: gateway },
    { url: 'http://127.0.0.1:8012/', process: nginx },
    rounds,
    seconds,
  );
  await Promise.all([gateway.stop(), nginx.stop()]);
  return result;
}

/** Chat Completions: ours against Portkey's gateway, and against the provider directly. */
export async function chatCompletions(
  upstream: number,
  rounds: number,
  seconds: number,
): Promise<{ readonly portkey: Comparison; readonly direct: Comparison }> {
  const gateway = await startGateway({ core: MEASURED, port: 8013, name: 'chat', config: chatConfig(8013, upstream) });
  const ours = {
    url: 'http://127.0.0.1:8013/v1/chat/completions',
    headers: { authorization: 'Bearer client-key' },
    process: gateway,
  };
  const portkey = await start(
    MEASURED,
    [node, join(root, 'bench/node_modules/@portkey-ai/gateway/build/start-server.js'), '--port=8014', '--headless'],
    8014,
    { env: { NODE_ENV: 'production' } },
  );
  const theirs = {
    url: 'http://127.0.0.1:8014/v1/chat/completions',
    process: portkey,
    headers: {
      authorization: 'Bearer provider-key',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `http://127.0.0.1:${upstream}/v1`,
    },
  };
  const againstPortkey = await compare(ours, theirs, rounds, seconds);
  await portkey.stop();
  const direct = { url: `http://127.0.0.1:${upstream}/v1/chat/completions` };
  const againstDirect = await compare(ours, direct, rounds, seconds);
  await gateway.stop();
  return { portkey: againstPortkey, direct: againstDirect };
}

/** A route with five policies against one with none, both ours: a verified token, rules, a rate limit, header changes, log fields. */
export async function fivePolicies(upstream: number, rounds: number, seconds: number): Promise<Comparison> {
  const { token, keys } = signedToken();
  const plain = await startGateway({ core: MEASURED, port: 8015, name: 'bare', config: plainConfig(8015, upstream) });
  const policies = await startGateway({
    core: MEASURED,
    port: 8016,
    name: 'policies',
    config: policiesConfig(8016, upstream, keys),
  });
  const result = await compare(
    { url: 'http://127.0.0.1:8016/', process: policies, headers: { authorization: `Bearer ${token}` } },
    { url: 'http://127.0.0.1:8015/', process: plain, headers: { authorization: `Bearer ${token}` } },
    rounds,
    seconds,
  );
  await Promise.all([plain.stop(), policies.stop()]);
  return result;
}

/** A token of an issuer, and the issuer's keys. */
function signedToken(): { readonly token: string; readonly keys: string } {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = part({ alg: 'RS256', kid: 'bench', typ: 'JWT' });
  const claims = { iss: 'https://issuer.test', sub: 'ann', aud: 'bench', exp: 4_000_000_000, roles: ['user', 'admin'] };
  const signed = `${head}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), privateKey).toString('base64url');
  const keys = JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'RS256' }] });
  return { token: `${signed}.${signature}`, keys };
}

function policiesConfig(port: number, upstream: number, keys: string): string {
  return `
gateways: { default: { port: ${port} } }
frontendPolicies: { accessLog: { add: { team: 'jwt.iss' } } }
routes:
- policies:
    jwtAuth: { mode: strict, issuer: "https://issuer.test", audiences: [ bench ], jwks: '${keys}' }
    authorization: { rules: [ { require: 'jwt.sub == "ann" && "admin" in jwt.roles' } ] }
    localRateLimit: [ { maxTokens: 1000000000, tokensPerFill: 1000000, fillInterval: 1s } ]
    requestHeaderModifier: { set: { x-a: "1" }, add: { x-b: "2" }, remove: [ x-c ] }
  backends: [ { host: "127.0.0.1:${upstream}" } ]
`;
}

export function plainConfig(port: number, upstream: number): string {
  return `
gateways: { default: { port: ${port} } }
routes: [ { backends: [ { host: "127.0.0.1:${upstream}" } ] } ]
`;
}

export function chatConfig(port: number, upstream: number, path = ''): string {
  return `
gateways: { default: { port: ${port} } }
routes:
- policies: { apiKey: { mode: strict, keys: [ { key: client-key } ] } }
  backends:
  - ai:
      name: openai
      provider: { openAI: {} }
      hostOverride: "127.0.0.1:${upstream}"
      ${path === '' ? '' : `pathOverride: ${path}`}
      policies: { backendAuth: { key: provider-key } }
`;
}
