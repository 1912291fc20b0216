/**
 * `npm test`: every check, then every test, and a last line that says plainly what came of it: `N passed, N failed`. A
 * failing check counts as one failure.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const bin = (name: string) => join(root, 'node_modules', '.bin', name);
const folder = mkdtempSync(join(tmpdir(), 'agentgateway-test-'));
const report = join(folder, 'report.json');

let passed = 0;
let failed = 0;
let skipped = 0;

const filters = process.argv.slice(2);
if (filters.length === 0) {
  for (const [name, command, args] of [
    ['types', bin('tsc'), ['--noEmit']],
    ['lint and format', bin('biome'), ['check', '.']],
    ['unused code', bin('knip'), []],
    ['acceptance cases', process.execPath, ['scripts/coverage-spec.ts']],
  ] as const) {
    const { status } = spawnSync(command, [...args], { cwd: root, stdio: 'inherit' });
    if (status === 0) passed++;
    else failed++;
    console.log(`${status === 0 ? 'ok' : 'FAILED'}: ${name}`);
  }
}

const { status } = spawnSync(
  bin('vitest'),
  ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filters],
  { cwd: root, stdio: 'inherit' },
);
try {
  const result = JSON.parse(readFileSync(report, 'utf8')) as {
    numPassedTests: number;
    numFailedTests: number;
    numPendingTests: number;
    numFailedTestSuites: number;
  };
  passed += result.numPassedTests;
  failed += result.numFailedTests;
  skipped += result.numPendingTests;
  // A file that could not even be loaded has no failed test of its own.
  if (status !== 0 && result.numFailedTests === 0) failed += Math.max(1, result.numFailedTestSuites);
} catch {
  failed++;
}
rmSync(folder, { recursive: true });

console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(failed === 0 && status === 0 ? 0 : 1);
