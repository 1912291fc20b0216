import { expect, test } from 'vitest';
import { ChangeQueue, type SourceChange } from './change-queue.ts';
import { backend } from './fixtures/gateway.ts';

function recorded() {
  const ran: string[] = [];
  const gates: (() => void)[] = [];
  const queue = new ChangeQueue<number>(async (source, change) => {
    ran.push(`${source} ${text(change)}`);
    await new Promise<void>((resolve) => gates.push(resolve));
    if (text(change).includes('bad')) throw new Error('bad');
    return ran.length;
  });
  /** Ends the change that runs; waits for the next to begin. */
  const next = async () => {
    gates.shift()?.();
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return { queue, ran, next };
}

function text(change: SourceChange): string {
  if (change.type === 'replace') return change.resources.map((r) => r.key).join();
  const { upserts, removals } = change.delta;
  return `+${upserts.map((r) => r.key)} -${removals.map((r) => r.key)}`;
}

const all = (...names: string[]): SourceChange => ({ type: 'replace', resources: names.map((name) => backend(name)) });
const some = (upserts: string[], removals: string[]): SourceChange => ({
  type: 'apply',
  delta: {
    upserts: upserts.map((name) => backend(name)),
    removals: removals.map((name) => ({ kind: 'backend', key: `/${name}` })),
  },
});

test('one change runs at a time; those of a source that wait become one, with one result', async () => {
  const { queue, ran, next } = recorded();
  const first = queue.change('file', all('a'));
  await next();
  const waiting = [queue.change('file', all('b')), queue.change('file', all('c'))];
  const other = queue.change('xds', all('x'));
  expect(ran).toEqual(['file /a']);
  await next();
  await next();
  await next();
  await next();
  expect(ran).toEqual(['file /a', 'file /c', 'xds /x']);
  expect(await Promise.all([first, ...waiting, other])).toEqual([1, 2, 2, 3]);
});

test('deltas add up, over each other and over a whole', async () => {
  const { queue, ran, next } = recorded();
  void queue.change('file', all('blocks'));
  await next();
  void queue.change('xds', some(['a', 'b'], ['z']));
  void queue.change('xds', some(['z'], ['a']));
  void queue.change('managed', all('a', 'b'));
  void queue.change('managed', some(['c'], ['a']));
  await next();
  await next();
  expect(ran.slice(1)).toEqual(['xds +/b,/z -/a', 'managed /b,/c']);
});

test('a change that fails fails for all who asked for it, and the next one runs', async () => {
  const { queue, ran, next } = recorded();
  void queue.change('file', all('blocks'));
  await next();
  const failed = [queue.change('file', all('x')), queue.change('file', all('bad'))];
  const after = queue.change('xds', all('y'));
  const settled = Promise.allSettled([...failed, after]);
  await next();
  await next();
  await next();
  expect((await settled).map((outcome) => outcome.status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  expect(ran).toEqual(['file /blocks', 'file /bad', 'xds /y']);
});
