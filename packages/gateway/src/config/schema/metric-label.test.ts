import { expect, test } from 'vitest';
import { families } from '../../telemetry/metrics/families.ts';
import { refused } from '../testing.ts';
import { takenLabels } from './metric-label.ts';

test('what a metric of requests calls a label, no other label may be called', () => {
  for (const { labels } of Object.values(families)) {
    if (!(labels as readonly string[]).includes('route')) continue;
    for (const name of labels) expect(takenLabels).toContain(name);
  }
});

test.each([
  ['status', 'metrics have a label of this name; choose another'],
  ['a.b', 'not the name of a label; write letters, digits and _'],
  ['__name__', 'not the name of a label; write letters, digits and _'],
])('%s: %s', (name, message) => {
  expect(refused(`config: {metrics: {fields: {add: {"${name}": "'x'"}}}}`).join('\n')).toContain(message);
});
