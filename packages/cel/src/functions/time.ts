import { Duration, Timestamp } from '../values/time.ts';
import type { Value } from '../values/value.ts';
import { type FunctionDefinition, type FunctionGroup, unexpectedType } from './definition.ts';

/**
 * Parts of a timestamp, on the clock of its own offset; a time zone given as an argument is ignored. Of a duration the whole length in
 * that unit.
 */
export const timeFunctions: FunctionGroup = {
  getFullYear: getter((clock) => clock.getUTCFullYear()),
  getMonth: getter((clock) => clock.getUTCMonth()),
  getDayOfYear: getter(dayOfYear),
  getDayOfMonth: getter((clock) => clock.getUTCDate() - 1),
  getDate: getter((clock) => clock.getUTCDate()),
  getDayOfWeek: getter((clock) => clock.getUTCDay()),
  getHours: getter((clock) => clock.getUTCHours(), 3_600_000_000_000n),
  getMinutes: getter((clock) => clock.getUTCMinutes(), 60_000_000_000n),
  getSeconds: getter((clock) => clock.getUTCSeconds(), 1_000_000_000n),
  getMilliseconds: getter((clock) => clock.getUTCMilliseconds(), 1_000_000n),
};

/** `unit` in nanoseconds, where the getter works on durations too. */
function getter(read: (clock: Date) => number, unit?: bigint): FunctionDefinition {
  return {
    min: 1,
    call: (_, value): Value => {
      if (value instanceof Timestamp) return read(value.clock);
      if (unit !== undefined && value instanceof Duration) return Number(value.nanoseconds / unit);
      return unexpectedType(value, unit === undefined ? 'timestamp' : 'timestamp or duration');
    },
  };
}

function dayOfYear(clock: Date): number {
  const start = new Date(0);
  start.setUTCFullYear(clock.getUTCFullYear(), 0, 1);
  return Math.floor((clock.getTime() - start.getTime()) / 86_400_000);
}
