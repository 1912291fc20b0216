/**
 * `npm run soak [-- --snapshots N]`: puts N snapshots (10,000) in force through the supervisor and real worker threads,
 * among routes, backends, policies and ports that come and go, under load. Fails if a request is lost or if anything grows.
 */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { formatErrors, loadConfig } from '../packages/gateway/src/config/index.ts';
import type { Resource } from '../packages/gateway/src/resources/model.ts';
import type { Settings } from '../packages/gateway/src/resources/settings.ts';
import { Supervisor } from '../packages/gateway/src/runtime/supervisor.ts';
import { freePort } from '../packages/gateway/test/support/ports.ts';
import { compileRegex } from '../packages/regex/src/index.ts';
import { configuration, generator, type Site } from './lib/soak-config.ts';
import type { WorkerState } from './lib/soak-plane.ts';

const { values } = parseArgs({ options: { snapshots: { type: 'string', default: '10000' } } });
const snapshots = Number(values.snapshots);
if (!Number.isInteger(snapshots) || snapshots < 100) throw new Error('--snapshots: expected an integer from 100');

/** Different configurations; each snapshot is one of them with a number of its own. */
const VARIANTS = 40;
const CLIENTS = 8;
/** How much more a worker's heap may hold at the end than at the first tenth, when everything was seen once. Bytes. */
const HEAP_SLACK = 4 << 20;
/** How much more memory the process may have at the end than at half time. Bytes. */
const RESIDENT_SLACK = 64 << 20;

const problems: string[] = [];

async function upstream(name: string): Promise<http.Server> {
  const server = http.createServer({ keepAlive: true }, (request, response) => {
    request.resume();
    response.end(name);
  });
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const servers = await Promise.all(['a', 'b', 'c'].map(upstream));
const site: Site = {
  port: await freePort(),
  extraPorts: [await freePort(), await freePort(), await freePort(), await freePort()],
  upstreams: servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`),
};

async function load(text: string): Promise<{ readonly settings: Settings; readonly resources: readonly Resource[] }> {
  const loaded = await loadConfig({ text, file: 'soak', env: {}, compileRegex });
  if (!loaded.ok) throw new Error(formatErrors(loaded.errors));
  return loaded;
}

const random = generator(42);
const variants = await Promise.all(Array.from({ length: VARIANTS }, () => load(configuration(site, random))));

/** A variant with the number of the snapshot in the header that `/always` answers with. */
function snapshot(number: number): Resource[] {
  const variant = variants[number % VARIANTS] as (typeof variants)[number];
  return variant.resources.map((resource) => {
    if (resource.kind !== 'route' || resource.name.name !== 'always') return resource;
    const policies = resource.policies.map((policy) =>
      policy.kind === 'responseHeaderModifier'
        ? { ...policy, spec: { ...policy.spec, set: [['x-snapshot', String(number)] as const] } }
        : policy,
    );
    return { ...resource, policies };
  });
}

const logged: string[] = [];
const note = (scope: string, message: string) => void logged.push(`${scope}: ${message}`);
const supervisor = new Supervisor({
  settings: (variants[0] as (typeof variants)[number]).settings,
  log: { error: note, warn: note, info: () => {}, debug: () => {} },
  dataPlane: new URL('./lib/soak-plane.ts', import.meta.url).href,
});
await supervisor.start();
await supervisor.replace('soak', snapshot(0));

/** Requests so far, and answers of each status. */
let asked = 0;
const statuses = new Map<number, number>();
let stopped = false;
const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });

async function client(seed: number): Promise<void> {
  const next = generator(seed);
  while (!stopped) {
    const kind = next(4);
    const path = kind === 0 ? '/direct' : kind === 1 ? `/r/${next(100)}` : '/always';
    asked++;
    try {
      const [status, body] = await get(path);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      const good =
        path === '/direct'
          ? status === 200 && body === 'direct'
          : (status === 200 && ['a', 'b', 'c'].includes(body)) || (kind === 1 && status === 404);
      if (!good) problems.push(`${path}: ${status} ${body}`);
    } catch (error) {
      problems.push(`${path}: lost: ${(error as Error).message}`);
    }
    if (problems.length > 20) stopped = true;
  }
}

function get(path: string): Promise<readonly [number, string, string]> {
  return new Promise((resolve, reject) => {
    const call = http.get({ port: site.port, host: '127.0.0.1', path, agent }, (answer) => {
      let body = '';
      answer.setEncoding('latin1');
      answer.on('data', (chunk: string) => {
        body += chunk;
      });
      answer.on('end', () => resolve([answer.statusCode ?? 0, body, String(answer.headers['x-snapshot'])]));
      answer.on('error', reject);
    });
    call.on('error', reject);
  });
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

interface Sample {
  readonly snapshot: number;
  /** Heap of the supervisor's thread, which the load runs in as well. */
  readonly heap: number;
  readonly resident: number;
  readonly cells: number;
  readonly workers: readonly WorkerState[];
}

async function sample(number: number): Promise<Sample> {
  const workers = (await supervisor.ask('state')).map(({ value }) => value as WorkerState);
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  const one = {
    snapshot: number,
    heap: heapUsed + external,
    resident: process.memoryUsage.rss(),
    cells: supervisor.cellCount,
    workers,
  };
  const mb = (bytes: number) => (bytes / (1 << 20)).toFixed(1).padStart(6);
  const open = workers.map(({ handles }) => Object.values(handles).reduce((sum, count) => sum + count, 0));
  console.log(
    `${String(number).padStart(6)} snapshots  resident ${mb(one.resident)} MB  heaps ${mb(one.heap)} ${workers.map(({ heap }) => mb(heap)).join(' ')} MB  ` +
      `handles ${open.join(' ')}  cells ${one.cells}  requests ${asked}`,
  );
  return one;
}

console.log(`${snapshots} snapshots on ${(variants[0] as (typeof variants)[number]).settings.workerThreads} workers`);
const started = performance.now();
const clients = Array.from({ length: CLIENTS }, (_, i) => client(i + 1));
const samples: Sample[] = [];
// Samples are taken on the first variant, so that they can be compared.
const step = Math.max(VARIANTS, Math.floor(snapshots / 10 / VARIANTS) * VARIANTS);
let number = 0;
while (number < snapshots && problems.length === 0) {
  number++;
  try {
    await supervisor.replace('soak', snapshot(number));
  } catch (error) {
    problems.push(`snapshot ${number} was refused: ${(error as Error).message}`);
  }
  if (number % step === 0) samples.push(await sample(number));
  if (number % 50 === 0) {
    const [, , served] = await get('/always');
    asked++;
    if (served !== String(number)) problems.push(`snapshot ${number} is in force, but ${served} is served`);
  }
}
const seconds = (performance.now() - started) / 1000;
stopped = true;
await Promise.all(clients);
agent.destroy();

// Every request has left its line, in one worker or the other.
const last = await sample(number);
const lines = last.workers.reduce((sum, worker) => sum + worker.lines, 0);
if (lines !== asked) problems.push(`${asked} requests, but ${lines} lines in the access log`);
const first = samples[0];
const end = samples.at(-1);
if (first !== undefined && end !== undefined && first !== end) {
  for (const [i, worker] of end.workers.entries()) {
    const before = first.workers[i] as WorkerState;
    const grown = worker.heap + worker.external - before.heap - before.external;
    if (grown > HEAP_SLACK) problems.push(`worker ${i} grew by ${grown} bytes`);
    for (const [kind, count] of Object.entries(worker.handles)) {
      // Connections of clients and upstreams spread over the workers as the system likes.
      const slack = kind === 'TCPSocketWrap' ? 2 * CLIENTS + 4 : 2;
      if (count > (before.handles[kind] ?? 0) + slack) problems.push(`worker ${i} has ${count} of ${kind}`);
    }
  }
  if (end.heap - first.heap > HEAP_SLACK) problems.push(`the supervisor grew by ${end.heap - first.heap} bytes`);
  // In its first half the process takes the memory that it will have between two collections.
  const half = samples[Math.floor(samples.length / 2)] as Sample;
  if (end.resident - half.resident > RESIDENT_SLACK) {
    problems.push(`the process grew from ${half.resident} to ${end.resident} bytes`);
  }
  if (end.cells > first.cells) problems.push(`${end.cells} cells, ${first.cells} before`);
}
await supervisor.close();
for (const server of servers) {
  server.closeAllConnections();
  server.close();
}
problems.push(...logged);

const rate = (count: number) => (count / seconds).toFixed(0);
console.log(
  `${number} snapshots in ${seconds.toFixed(1)} s: ${rate(number)} per second, beside ${rate(asked)} requests per second; ` +
    `answers ${[...statuses].map(([status, count]) => `${count} × ${status}`).join(', ')}`,
);
for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? 'soak: nothing lost, nothing grew' : `soak: ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
