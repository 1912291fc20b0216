import type { Abort } from '@agentgateway/http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BatchExporter, type ExportOutcome, type PendingExporter } from './batch.ts';

const settings = { maxQueueSize: 8, maxExportBatchSize: 3, scheduleDelay: 1_000, exportTimeout: 30_000 };
const good: ExportOutcome = { ok: true, rejected: 0, message: '' };
const later: ExportOutcome = { ok: false, retry: true, retryAfter: null, message: 'not now' };
const never: ExportOutcome = { ok: false, retry: false, retryAfter: null, message: 'no' };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** An exporter whose receiver answers as told, one outcome after the other; then all is well. */
function exporter(...outcomes: (ExportOutcome | Promise<ExportOutcome>)[]) {
  const batches: number[][] = [];
  const log: string[] = [];
  const note = (level: string) => (_scope: string, message: string, fields?: object) => {
    log.push(`${level} ${message} ${JSON.stringify(fields)}`);
  };
  const aborts: Abort[] = [];
  const pending = new Set<PendingExporter>();
  const subject = new BatchExporter<number>({
    what: 'things',
    to: 'there:1',
    settings,
    log: { error: note('error'), warn: note('warn'), info: note('info'), debug: note('debug') },
    random: () => 0.5,
    pending,
    send: async (batch, abort) => {
      batches.push([...batch]);
      aborts.push(abort);
      return outcomes.shift() ?? good;
    },
  });
  const add = (...items: number[]) => {
    for (const item of items) subject.add(item);
  };
  return { subject, add, batches, log, aborts, pending };
}

test('a batch leaves when it is full, the rest after the delay', async () => {
  const { add, batches } = exporter();
  add(1, 2);
  await vi.advanceTimersByTimeAsync(999);
  expect(batches).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(batches).toEqual([[1, 2]]);
  add(3, 4, 5, 6);
  await vi.advanceTimersByTimeAsync(0);
  expect(batches).toEqual([
    [1, 2],
    [3, 4, 5],
  ]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(batches).toEqual([[1, 2], [3, 4, 5], [6]]);
});

test('behind a slow receiver the oldest are lost, which is told once, with the number at the end', async () => {
  const slow = Promise.withResolvers<ExportOutcome>();
  const { subject, add, batches, log } = exporter(slow.promise);
  add(1, 2, 3);
  add(4, 5, 6, 7, 8, 9, 10, 11, 12, 13);
  expect(batches).toEqual([[1, 2, 3]]);
  expect(log).toEqual(['warn things are not exported {"to":"there:1","error":"the queue is full"}']);
  slow.resolve(good);
  await vi.advanceTimersByTimeAsync(0);
  expect(batches).toEqual([
    [1, 2, 3],
    [6, 7, 8],
    [9, 10, 11],
  ]);
  expect(log.slice(1)).toEqual(['info things are exported again {"to":"there:1","lost":2}']);
  expect(subject.dropped).toBe(2);
});

test('what may be tried again is, with growing pauses, and given up after five tries', async () => {
  const { add, batches, log } = exporter(later, later, later, later, later);
  add(1, 2, 3);
  for (const [pause, tries] of [
    [0, 1],
    [1_000, 2],
    [1_500, 3],
    [2_250, 4],
    [3_375, 5],
  ] as const) {
    await vi.advanceTimersByTimeAsync(pause);
    expect(batches).toHaveLength(tries);
  }
  expect(log).toEqual(['warn things are not exported {"to":"there:1","error":"not now"}']);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(batches).toHaveLength(5);
});

test('the receiver says how long to wait; longer than the export may take is never', async () => {
  const { add, batches } = exporter({ ...later, retryAfter: 7_000 }, good, { ...later, retryAfter: 31_000 }, good);
  add(1, 2, 3);
  await vi.advanceTimersByTimeAsync(6_999);
  expect(batches).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(batches).toHaveLength(2);
  add(4, 5, 6);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(batches).toHaveLength(3);
});

test('an outage is told once, and its end', async () => {
  const { add, log } = exporter(never, never, good);
  for (let i = 0; i < 3; i++) {
    add(1, 2, 3);
    await vi.advanceTimersByTimeAsync(0);
  }
  expect(log).toEqual([
    'warn things are not exported {"to":"there:1","error":"no"}',
    'info things are exported again {"to":"there:1","lost":6}',
  ]);
});

test('what the receiver takes in part is a loss', async () => {
  const { subject, add, log } = exporter({ ok: true, rejected: 2, message: 'too old' });
  add(1, 2, 3);
  await vi.advanceTimersByTimeAsync(0);
  expect([subject.dropped, log.length]).toEqual([2, 1]);
  expect(log[0]).toContain('too old');
});

test('an export that takes too long is aborted', async () => {
  const { add, aborts } = exporter(new Promise(() => {}));
  add(1, 2, 3);
  await vi.advanceTimersByTimeAsync(29_999);
  expect(aborts[0]?.reason).toBeNull();
  await vi.advanceTimersByTimeAsync(1);
  expect(aborts[0]?.reason?.message).toBe('no answer in time');
});

test('closing hands over what is there, tries once, and waits for nothing', async () => {
  const { subject, add, batches } = exporter(later);
  add(1);
  let closed = false;
  void subject.close(3_000).then(() => {
    closed = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  expect([batches, closed]).toEqual([[[1]], true]);
  add(2);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([batches.length, subject.dropped]).toEqual([1, 2]);
  expect(vi.getTimerCount()).toBe(0);
});

test('closing cuts a pause short, and an export that hangs', async () => {
  const { subject, add, batches, aborts } = exporter(later, new Promise(() => {}));
  add(1, 2, 3);
  await vi.advanceTimersByTimeAsync(1);
  let closed = false;
  void subject.close(3_000).then(() => {
    closed = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  expect(batches).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(2_999);
  expect([aborts[1]?.reason, closed]).toEqual([null, false]);
  await vi.advanceTimersByTimeAsync(1);
  expect([aborts[1]?.reason?.message, closed]).toEqual(['the exporter is closing', true]);
});

test('flushing sends what was taken before', async () => {
  const { subject, add, batches } = exporter();
  await subject.flush();
  add(1, 2, 3, 4);
  await subject.flush();
  expect(batches).toEqual([[1, 2, 3], [4]]);
});

test('an exporter is known as pending as long as it holds something', async () => {
  const slow = Promise.withResolvers<ExportOutcome>();
  const { add, pending } = exporter(slow.promise);
  expect(pending.size).toBe(0);
  add(1, 2, 3, 4);
  expect(pending.size).toBe(1);
  slow.resolve(good);
  await vi.advanceTimersByTimeAsync(0);
  expect(pending.size).toBe(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(pending.size).toBe(0);
});
