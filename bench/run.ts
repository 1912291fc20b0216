/**
 * `npm run bench`: everything in one run, as ratios against baselines measured beside it. Prints a table and writes
 * `bench/results/latest.json`; with `--readme` it also puts the table into the README. `--quick` makes fewer, shorter rounds.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { addedLatency } from './latency.ts';
import { startUpstream } from './lib/nginx.ts';
import { cleanUp, demand, node, root } from './lib/processes.ts';
import { type Spread, spread } from './lib/spread.ts';
import { startUp } from './startup.ts';
import { idleStream, longStream, streamedEvents } from './streams.ts';
import { chatCompletions, DRIVER, fivePolicies, plainRoute } from './throughput.ts';

const quick = process.argv.includes('--quick');
const rounds = quick ? 3 : 7;
const seconds = quick ? 2 : 4;
const UPSTREAM = 9000;

/** The driver must not compete with what is measured. */
function pinSelf(): void {
  spawnSync('taskset', ['-a', '-p', '-c', String(DRIVER), String(process.pid)]);
}

function prepare(): void {
  demand('nginx', 'wrk', 'taskset');
  if (!existsSync(join(root, 'bench/node_modules/@portkey-ai/gateway'))) {
    const { status } = spawnSync('npm', ['ci', '--no-fund', '--no-audit'], {
      cwd: join(root, 'bench'),
      stdio: 'inherit',
    });
    if (status !== 0) throw new Error('could not install the peers');
  }
  const { status } = spawnSync(node, ['scripts/build.ts'], { cwd: root, stdio: 'ignore' });
  if (status !== 0) throw new Error('could not build the bundle');
}

/** What `lookup.ts` prints: nanoseconds, and ratios to the table of ten routes. */
interface LookedUp {
  readonly at10: number;
  readonly ratio: { readonly hot: number; readonly spread: number };
}

/** Route look-up with 5,000 routes against 10: ten of the routes asked for, and a thousand of them. */
function lookUp(): { readonly at10: Spread; readonly hot: Spread; readonly spread: Spread } {
  const results = Array.from({ length: rounds }, () => {
    const { stdout } = spawnSync('taskset', ['-c', '0', node, join(root, 'bench/lookup.ts')], { encoding: 'utf8' });
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as LookedUp;
  });
  return {
    at10: spread(results.map(({ at10 }) => at10)),
    hot: spread(results.map(({ ratio }) => ratio.hot)),
    spread: spread(results.map(({ ratio }) => ratio.spread)),
  };
}

/** A rule that reads a header and the path, nanoseconds (`cel.ts`). */
function oneRule(): Spread {
  const results = Array.from({ length: quick ? 1 : 3 }, () => {
    const { stdout } = spawnSync('taskset', ['-c', '0', node, join(root, 'bench/cel.ts')], { encoding: 'utf8' });
    const times = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Readonly<Record<string, number>>;
    return times['header equality and startsWith'] ?? Number.NaN;
  });
  return spread(results);
}

function show({ min, median, max }: Spread, digits: number, unit = ''): string {
  const text = (value: number) =>
    value.toLocaleString('en', { maximumFractionDigits: digits, minimumFractionDigits: digits });
  return `${text(median)}${unit} (${text(min)} – ${text(max)})`;
}

try {
  prepare();
  pinSelf();
  const upstream = await startUpstream(DRIVER, UPSTREAM, longStream());
  const plain = await plainRoute(UPSTREAM, rounds, seconds);
  const chat = await chatCompletions(UPSTREAM, rounds, seconds);
  const policies = await fivePolicies(UPSTREAM, rounds, seconds);
  const latency = await addedLatency(UPSTREAM, rounds, seconds);
  const events = await streamedEvents(UPSTREAM, rounds);
  const idle = await idleStream(quick ? 1_000 : 2_000);
  const source = await startUp(UPSTREAM, rounds, false);
  const bundle = await startUp(UPSTREAM, rounds, true);
  const lookup = lookUp();
  const rule = oneRule();
  await upstream.stop();

  const results = {
    date: new Date().toISOString().slice(0, 10),
    plain,
    chat,
    policies,
    rule,
    latency,
    events,
    idle,
    source,
    bundle,
    lookup,
  };
  mkdirSync(join(root, 'bench/results'), { recursive: true });
  writeFileSync(join(root, 'bench/results/latest.json'), `${JSON.stringify(results, null, 2)}\n`);

  const table = [
    '| measured on one core | median (lowest – highest) |',
    '|---|---|',
    `| plain route, against nginx as reverse proxy | **${show(plain.ratio, 2, ' ×')}** |`,
    `| the same per second of processor time | ${show(plain.cpuRatio ?? plain.ratio, 2, ' ×')} |`,
    `| plain route, requests per second | ${show(plain.ours, 0)} |`,
    `| Chat Completions, against Portkey's gateway | **${show(chat.portkey.ratio, 1, ' ×')}** |`,
    `| Chat Completions, against the provider directly | ${show(chat.direct.ratio, 2, ' ×')} |`,
    `| Chat Completions, requests per second | ${show(chat.portkey.ours, 0)} |`,
    `| a route with five policies, against one with none | **${show(policies.ratio, 2, ' ×')}** |`,
    `| the same per second of processor time | ${show(policies.cpuRatio ?? policies.ratio, 2, ' ×')} |`,
    `| an expression on a header and the path | ${show(rule, 0, ' ns')} |`,
    `| added latency at 1,000 requests per second, p50 | ${show(latency.addedP50, 2, ' ms')} |`,
    `| added latency at 1,000 requests per second, p99 | ${show(latency.addedP99, 2, ' ms')} |`,
    `| streamed events per second | ${show(events, 0)} |`,
    `| memory of an idle stream | ${(idle / 1024).toFixed(1)} KB |`,
    `| start to first answer, from source | ${show(source, 0, ' ms')} |`,
    `| start to first answer, bundle | ${show(bundle, 0, ' ms')} |`,
    `| route look-up at 5,000 routes, against 10: ten of them asked for | ${show(lookup.hot, 2, ' ×')} |`,
    `| the same, a thousand different ones asked for | ${show(lookup.spread, 2, ' ×')} |`,
  ].join('\n');
  console.log(`${os.cpus()[0]?.model ?? 'unknown'}, ${os.cpus().length} cores, Node ${process.version}\n\n${table}`);
  if (process.argv.includes('--readme')) {
    const file = join(root, 'README.md');
    const text = readFileSync(file, 'utf8');
    writeFileSync(
      file,
      text.replace(
        /(<!-- bench -->\n)[\s\S]*?(<!-- \/bench -->)/,
        (_, open: string, close: string) => `${open}${table}\n${close}`,
      ),
    );
  }
} finally {
  await cleanUp();
}
