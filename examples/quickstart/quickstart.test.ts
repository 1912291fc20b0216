import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { freePort } from '../../packages/gateway/test/support/ports.ts';

const run = promisify(execFile);
let running: ChildProcess | null = null;

afterEach(async () => {
  if (running === null || running.exitCode !== null) return;
  // Not SIGKILL: it is this process that ends the gateway.
  running.kill('SIGTERM');
  await once(running, 'exit');
});

/** What it prints, up to the point where it waits for requests. */
async function start(): Promise<{ child: ChildProcess; welcome: string }> {
  const { OPENAI_API_KEY: _, ...env } = process.env;
  const child = spawn(process.execPath, [fileURLToPath(new URL('start.ts', import.meta.url))], {
    env: {
      ...env,
      GATEWAY_PORT: String(await freePort()),
      ADMIN_ADDR: `127.0.0.1:${await freePort()}`,
      STATS_ADDR: `127.0.0.1:${await freePort()}`,
      READINESS_ADDR: `127.0.0.1:${await freePort()}`,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running = child;
  let printed = '';
  child.stdout?.setEncoding('utf8');
  for await (const chunk of child.stdout!.iterator({ destroyOnReturn: false }) as AsyncIterable<string>) {
    printed += chunk;
    if (printed.includes('Ctrl-C ends it.')) break;
  }
  child.stdout?.resume();
  return { child, welcome: printed };
}

/** The printed commands. */
function commands(welcome: string): string[] {
  return welcome
    .split(/\n(?=curl )/)
    .slice(1)
    .map((text) => text.split('\n\n')[0] as string);
}

test('the printed requests work as printed, and a signal ends it all', async () => {
  const { child, welcome } = await start();
  const [plain, stream, wrong, models, ...more] = await Promise.all(
    commands(welcome).map(async (command) => (await run('sh', ['-c', command])).stdout),
  );
  expect(more).toEqual([]);
  expect(JSON.parse(plain ?? '')).toMatchObject({ object: 'chat.completion', usage: { completion_tokens: 10 } });
  expect(stream).toContain('"delta":{"content":"You"}');
  expect(stream?.trimEnd().endsWith('data: [DONE]')).toBe(true);
  expect(stream).not.toContain('"usage":{');
  expect(wrong).toMatch(/^HTTP\/1\.1 401 /);
  expect(JSON.parse(models ?? '')).toMatchObject({ object: 'list' });

  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('a port that is taken is named, and what chooses another one', async () => {
  const taken = createServer().listen(await freePort(), '::');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const { OPENAI_API_KEY: _, ...env } = process.env;
  const child = spawn(process.execPath, [fileURLToPath(new URL('start.ts', import.meta.url))], {
    env: { ...env, GATEWAY_PORT: String(port), ADMIN_ADDR: 'off', STATS_ADDR: 'off', READINESS_ADDR: 'off' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running = child;
  child.stdout.resume();
  const said = child.stderr.setEncoding('utf8').toArray();
  expect(await once(child, 'close')).toEqual([1, null]);
  const text = (await said).join('');
  expect(text).toContain(`cannot listen on [::]:${port}: address already in use`);
  expect(text).toContain('GATEWAY_PORT');
  taken.close();
});
