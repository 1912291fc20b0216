/**
 * `npm run conformance`: runs the black-box suites that live beside the project, where they are. They are not part of the
 * project; without them this says so and ends well.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const suites = process.env.AGENTGATEWAY_CONFORMANCE ?? join(root, '..', 'shared', 'conformance');
if (!existsSync(suites)) {
  console.log('conformance: skipped, the suites are not here');
  process.exit(0);
}
let failed = 0;
for (const suite of readdirSync(suites)) {
  const runner = join(suites, suite, 'run.mjs');
  if (!existsSync(runner)) continue;
  console.log(`conformance: ${suite}`);
  const { status } = spawnSync(
    process.execPath,
    [runner, ...process.argv.slice(2), '--', join(root, 'bin', 'agentgateway')],
    {
      stdio: 'inherit',
    },
  );
  if (status !== 0) failed++;
}
process.exit(failed === 0 ? 0 : 1);
