import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findViolations } from './layers.ts';

test('the source keeps to its layers', () => {
  expect(findViolations(new URL('..', import.meta.url).pathname)).toEqual([]);
});

test('an arrow that points the wrong way is named with its place', () => {
  const root = mkdtempSync(join(tmpdir(), 'layers-'));
  for (const name of ['http', 'regex', 'llm', 'simulator', 'gateway/src/resources']) {
    mkdirSync(join(root, 'packages', name, name.includes('/') ? '' : 'src'), { recursive: true });
  }
  writeFileSync(join(root, 'packages/http/src/a.ts'), "import { x } from '@agentgateway/gateway';\n");
  writeFileSync(join(root, 'packages/gateway/src/resources/b.ts'), "\nimport { y } from '../listen/y.ts';\n");
  expect(findViolations(root)).toEqual([
    { file: 'packages/http/src/a.ts', line: 1, message: 'package http must not import gateway' },
    { file: 'packages/gateway/src/resources/b.ts', line: 2, message: 'resources/ must not import listen/' },
  ]);
  rmSync(root, { recursive: true });
});
