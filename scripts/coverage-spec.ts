/**
 * Holds three lists against each other: the acceptance cases that tests say they prove (`verifies('PROXY-12')`, or an id at
 * the start of a test's title), the project's own list in `docs/behaviour.md`, and, where it is at hand, the specifications'
 * list of all cases. An id that does not exist, or that one of the first two has and the other lacks, is an error.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const specification = process.env.AGENTGATEWAY_SPEC ?? join(root, '..', 'shared', 'spec', 'acceptance.json');

const proven = new Map<string, string>();
for (const folder of ['packages', 'examples', 'scripts']) {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
    const file = join(entry.parentPath, entry.name);
    if (!entry.name.endsWith('.test.ts') || file.includes('node_modules')) continue;
    const text = readFileSync(file, 'utf8');
    for (const call of text.matchAll(/verifies\(([^)]*)\)/g)) {
      for (const id of (call[1] ?? '').matchAll(/'([A-Z][A-Z0-9]*-\d+)'/g)) proven.set(id[1] as string, file);
    }
    for (const title of text.matchAll(/(?:test|it)(?:\.each\([^)]*\))?\(\s*[`'"]((?:[A-Z][A-Z0-9]*-\d+[, ]*)+):/g)) {
      for (const id of (title[1] ?? '').matchAll(/[A-Z][A-Z0-9]*-\d+/g)) proven.set(id[0], file);
    }
  }
}

const listed = new Set<string>();
for (const line of readFileSync(join(root, 'docs', 'behaviour.md'), 'utf8').split('\n')) {
  const match = /^\| ([A-Z][A-Z0-9]*-\d+) \|/.exec(line);
  if (match) listed.add(match[1] as string);
}

const problems: string[] = [];
for (const [id, file] of proven) {
  if (!listed.has(id))
    problems.push(`${id} is proven in ${file.slice(root.length)} but not listed in docs/behaviour.md`);
}
for (const id of listed)
  if (!proven.has(id)) problems.push(`${id} is listed in docs/behaviour.md but no test names it`);

if (existsSync(specification)) {
  const cases = (JSON.parse(readFileSync(specification, 'utf8')) as { id: string }[]).map(({ id }) => id);
  const known = new Set(cases);
  for (const id of proven.keys()) if (!known.has(id)) problems.push(`${id} is no acceptance case`);
  const areas = Map.groupBy(cases, (id) => id.slice(0, id.indexOf('-')));
  for (const [area, ids] of areas) {
    const done = ids.filter((id) => proven.has(id)).length;
    console.log(`${area.padEnd(6)} ${String(done).padStart(3)} of ${String(ids.length).padStart(3)} proven`);
    if (process.argv.includes('--missing'))
      console.log(`       without a proof: ${ids.filter((id) => !proven.has(id)).join(' ')}`);
  }
} else {
  console.log('the specifications are not here: only the own list was checked');
}
for (const problem of problems) console.error(problem);
console.log(`${proven.size} cases proven by tests`);
if (problems.length > 0) process.exit(1);
