/** Something that looks at the time now and then. */
export interface Swept {
  /** `now` in milliseconds on the monotonic clock. */
  sweep(now: number): void;
}

/** Milliseconds between two looks; deadlines are met that much late. */
const INTERVAL = 250;

const entries = new Set<Swept>();
let timer: NodeJS.Timeout | null = null;

function sweepAll(): void {
  const now = performance.now();
  for (const entry of entries) entry.sweep(now);
}

/**
 * Has `entry` looked after by the one timer of this thread. A timer per connection would have to be moved at each
 * request; a deadline in a field costs nothing until somebody looks.
 */
export function watch(entry: Swept): void {
  entries.add(entry);
  timer ??= setInterval(sweepAll, INTERVAL).unref();
}

/** Ends that; the timer goes with the last entry. */
export function unwatch(entry: Swept): void {
  if (!entries.delete(entry) || entries.size > 0 || timer === null) return;
  clearInterval(timer);
  timer = null;
}
