import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

/** The parts of Node that a thread has loaded when it has loaded the module. */
function loadedWith(module: string): string[] {
  const url = new URL(`../../src/${module}`, import.meta.url).href;
  const script = `await import(${JSON.stringify(url)}); console.log(JSON.stringify(process.moduleLoadList)); process.exit()`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }));
}

test.each(['cli/run.ts', 'listen/worker-data-plane.ts'])('%s loads nothing that a start has no time for', (module) => {
  const loaded = loadedWith(module);
  expect(loaded).toContain('NativeModule http');
  // 50 ms, brought by `import … from 'node:http'` for a WebSocket client that nobody uses.
  expect(loaded).not.toContain('NativeModule internal/deps/undici/undici');
});

test('a second start compiles nothing, least of all TypeScript', () => {
  const { NODE_OPTIONS: _, NODE_DISABLE_COMPILE_CACHE: __, ...env } = process.env;
  const listing = 'data:text/javascript,process.on("exit",()=>console.log(JSON.stringify(process.moduleLoadList)))';
  const main = fileURLToPath(new URL('../../src/cli/main.mjs', import.meta.url));
  const start = () => execFileSync(process.execPath, ['--import', listing, main, '-V'], { encoding: 'utf8', env });
  start();
  const [version, loaded] = start().split('\n');
  expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  expect(JSON.parse(loaded ?? '')).not.toContain('NativeModule internal/deps/amaro/dist/index');
});
