/**
 * `npm run build [-- DIRECTORY]`: bundles the gateway into `dist/`, for images, `npx` and everybody who does not start it from source. Each
 * thread's entry is a bundle of its own; what is loaded on demand stays in chunks of its own.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'esbuild';

const root = new URL('..', import.meta.url).pathname;
const outdir = resolve(process.argv[2] ?? `${root}/dist`);

/** The commit that is built; `unknown` outside of a clone. */
function revision(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return 'unknown';
  }
}

rmSync(outdir, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: {
    agentgateway: 'packages/gateway/src/cli/main.mjs',
    worker: 'packages/gateway/src/runtime/worker.mjs',
    'data-plane': 'packages/gateway/src/listen/worker-data-plane.ts',
    'password-thread': 'packages/gateway/src/policies/basic-auth/thread.ts',
    simulator: 'packages/simulator/src/main.ts',
  },
  outdir,
  entryNames: '[name]',
  chunkNames: 'chunks/[name]-[hash]',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  sourcemap: true,
  minifySyntax: true,
  legalComments: 'linked',
  define: { AGENTGATEWAY_GIT_REVISION: JSON.stringify(revision()) },
  // Libraries in CommonJS ask for Node's modules through `require`.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: process.argv[2] === undefined ? 'info' : 'warning',
});
