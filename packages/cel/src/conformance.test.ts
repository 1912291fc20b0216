import { expect, test } from 'vitest';
import { conformanceCases } from './fixtures/conformance.ts';
import { deviations } from './fixtures/deviations.ts';

const cases = conformanceCases();
const lines = deviations.flatMap(({ cases: prefixes }) => prefixes);
const listed = (id: string) => lines.some((prefix) => id === prefix || (/[/_]$/.test(prefix) && id.startsWith(prefix)));
const failures = new Map<string, string>();
let held = 0;
for (const one of cases) {
  if (one.outside !== null) continue;
  const failure = one.run();
  if (failure === null) held++;
  else failures.set(one.id, `${one.expression}: ${failure}`);
}

test('the conformance data holds where no deviation is listed', () => {
  expect([...failures].filter(([id]) => !listed(id))).toEqual([]);
});

test('every line of the deviations is still needed', () => {
  const stale = lines.filter((prefix) => ![...failures.keys()].some((id) => id.startsWith(prefix)));
  expect(stale).toEqual([]);
});

test('the data is there', () => {
  expect(cases.length).toBeGreaterThan(2_300);
  expect(held).toBeGreaterThan(1_300);
});
