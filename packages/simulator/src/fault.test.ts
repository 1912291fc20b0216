import { expect, test } from 'vitest';
import { faultOfModel, parseFault } from './fault.ts';

test('a fault is read from a header', () => {
  expect(parseFault('cut;at=120')).toEqual({ kind: 'cut', at: 120 });
  expect(parseFault('429; retry=date')).toEqual({ kind: '429', retry: 'date' });
  expect(parseFault('hang')).toEqual({ kind: 'hang' });
});

test.each(['', 'cute', 'cut;at=x', 'cut;by=1', '429;retry=soon'])(
  '%j is no fault, and the message says what is',
  (text) => {
    expect(() => parseFault(text)).toThrow(/expected/);
  },
);

test('a fault is read from a name of a model', () => {
  expect(faultOfModel('sim-429-seconds')).toEqual({ kind: '429', retry: 'seconds' });
  expect(faultOfModel('sim-cut-120')).toEqual({ kind: 'cut', at: 120 });
  expect(faultOfModel('sim-500-once')).toEqual({ kind: '500-once' });
  expect(faultOfModel('sim-500')).toEqual({ kind: '500' });
  expect(faultOfModel('sim-malformed-end')).toEqual({ kind: 'malformed-end' });
  for (const name of ['sim-large', 'gpt-4o', 'sim-', 'sim-429-soon', 'sim-cut-x', 'sim-cute']) {
    expect(faultOfModel(name)).toBeNull();
  }
});
