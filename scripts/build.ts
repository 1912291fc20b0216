/**
 * `npm run build`: bundles the gateway into `dist/`, for images, `npx` and everybody who does not start it from source. Each
 * thread's entry is a bundle of its own; what is loaded on demand stays in chunks of its own.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = new URL('..', import.meta.url).pathname;
rmSync(join(root, 'dist'), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: {
    agentgateway: 'packages/gateway/src/cli/main.ts',
    worker: 'packages/gateway/src/runtime/worker.ts',
    'data-plane': 'packages/gateway/src/listen/worker-data-plane.ts',
    'password-thread': 'packages/gateway/src/policies/basic-auth/thread.ts',
    simulator: 'packages/simulator/src/main.ts',
  },
  outdir: 'dist',
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
  define: { 'process.env.AGENTGATEWAY_BUNDLE': '"1"' },
  // Libraries in CommonJS ask for Node's modules through `require`.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  logLevel: 'info',
});
