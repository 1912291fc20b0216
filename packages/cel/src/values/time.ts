import { CelError } from './error.ts';

const maxDurationSeconds = 315_576_000_000;
const minTimestampSeconds = -62_135_596_800;
const maxTimestampSeconds = 253_402_300_799;

const overflow = (operator: string, left: unknown, right: unknown) =>
  new CelError('overflow', () => `Overflow from binary operator '${operator}': ${String(left)}, ${String(right)}`);

/** A span of time, exact to the nanosecond: `seconds` rounded down, and 0 to 999,999,999 `nanos` on top. */
export class Duration {
  readonly seconds: number;
  readonly nanos: number;

  constructor(seconds: number, nanos: number) {
    this.seconds = seconds;
    this.nanos = nanos;
  }

  static fromMilliseconds(milliseconds: number): Duration {
    const seconds = Math.floor(milliseconds / 1e3);
    return new Duration(seconds, Math.min(999_999_999, Math.round((milliseconds - seconds * 1e3) * 1e6)));
  }

  /** Null if out of the range of about ten thousand years. */
  static fromNanoseconds(nanoseconds: bigint): Duration | null {
    const [seconds, nanos] = split(nanoseconds);
    return Math.abs(seconds) > maxDurationSeconds ? null : new Duration(seconds, nanos);
  }

  get nanoseconds(): bigint {
    return BigInt(this.seconds) * 1_000_000_000n + BigInt(this.nanos);
  }

  /** For delays and timeouts; rounds to the double nearest. */
  get milliseconds(): number {
    return this.seconds * 1e3 + this.nanos / 1e6;
  }

  plus(other: Duration, operator = 'add'): Duration | CelError {
    return Duration.fromNanoseconds(this.nanoseconds + other.nanoseconds) ?? overflow(operator, this, other);
  }

  minus(other: Duration): Duration | CelError {
    return Duration.fromNanoseconds(this.nanoseconds - other.nanoseconds) ?? overflow('sub', this, other);
  }

  /** `5400s`, `0.012s`, `-1.5s`. */
  toString(): string {
    const all = this.nanoseconds;
    const [seconds, nanos] = split(all < 0n ? -all : all);
    return `${all < 0n ? '-' : ''}${seconds}${fraction(nanos)}s`;
  }
}

/** A moment, with the offset from UTC that it was written with: the getters show that clock. */
export class Timestamp {
  /** Since the epoch, rounded down. */
  readonly seconds: number;
  /** 0 to 999,999,999 on top of `seconds`. */
  readonly nanos: number;
  readonly offsetSeconds: number;

  constructor(seconds: number, nanos: number, offsetSeconds = 0) {
    this.seconds = seconds;
    this.nanos = nanos;
    this.offsetSeconds = offsetSeconds;
  }

  static fromMilliseconds(milliseconds: number): Timestamp {
    const { seconds, nanos } = Duration.fromMilliseconds(milliseconds);
    return new Timestamp(seconds, nanos);
  }

  /** Null outside of the years 0001 to 9999. */
  static at(seconds: number, nanos: number, offsetSeconds = 0): Timestamp | null {
    return seconds < minTimestampSeconds || seconds > maxTimestampSeconds
      ? null
      : new Timestamp(seconds, nanos, offsetSeconds);
  }

  plus(span: Duration): Timestamp | CelError {
    return this.#shifted(span.nanoseconds) ?? overflow('add', this, span);
  }

  minus(span: Duration): Timestamp | CelError {
    return this.#shifted(-span.nanoseconds) ?? overflow('sub', this, span);
  }

  since(other: Timestamp): Duration | CelError {
    const seconds = this.seconds - other.seconds;
    const nanos = this.nanos - other.nanos;
    return nanos < 0 ? new Duration(seconds - 1, nanos + 1e9) : new Duration(seconds, nanos);
  }

  /** The clock at the timestamp's own offset, to be read with the `getUTC…` methods. */
  get clock(): Date {
    return new Date((this.seconds + this.offsetSeconds) * 1e3 + Math.floor(this.nanos / 1e6));
  }

  /** RFC 3339 in UTC, the fraction no longer than it must be. */
  toString(): string {
    const whole = new Date(this.seconds * 1e3).toISOString();
    return `${whole.slice(0, whole.indexOf('.'))}${fraction(this.nanos)}Z`;
  }

  #shifted(nanoseconds: bigint): Timestamp | null {
    const [seconds, nanos] = split(BigInt(this.seconds) * 1_000_000_000n + BigInt(this.nanos) + nanoseconds);
    return Timestamp.at(seconds, nanos, this.offsetSeconds);
  }
}

function split(nanoseconds: bigint): [seconds: number, nanos: number] {
  let seconds = nanoseconds / 1_000_000_000n;
  let nanos = nanoseconds % 1_000_000_000n;
  if (nanos < 0n) {
    seconds -= 1n;
    nanos += 1_000_000_000n;
  }
  return [Number(seconds), Number(nanos)];
}

function fraction(nanos: number): string {
  if (nanos === 0) return '';
  let digits = String(nanos).padStart(9, '0');
  while (digits.endsWith('0')) digits = digits.slice(0, -1);
  return `.${digits}`;
}

const durationUnits: Readonly<Record<string, bigint>> = {
  h: 3_600_000_000_000n,
  m: 60_000_000_000n,
  s: 1_000_000_000n,
  ms: 1_000_000n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ns: 1n,
};

/** `1h30m`, `-1.5s`, `12ms`, `0`. Null if it is anything else, trailing text included. */
export function parseDuration(text: string): Duration | null {
  const negative = text.startsWith('-');
  const body = negative || text.startsWith('+') ? text.slice(1) : text;
  if (body === '0') return new Duration(0, 0);
  if (body === '' || body.length > 100) return null;
  const part = /(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/y;
  let total = 0n;
  while (part.lastIndex < body.length) {
    const found = part.exec(body);
    if (found === null) return null;
    const [, whole = '', decimals = '', unit = ''] = found;
    if (whole === '' && decimals === '') return null;
    const scale = durationUnits[unit] as bigint;
    total += BigInt(whole === '' ? 0 : whole) * scale;
    if (decimals !== '') total += (BigInt(decimals) * scale) / 10n ** BigInt(decimals.length);
  }
  return Duration.fromNanoseconds(negative ? -total : total);
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** RFC 3339. Null if it is anything else or not a moment of the years 0001 to 9999. */
export function parseTimestamp(text: string): Timestamp | null {
  if (text.length > 64) return null;
  const found = rfc3339.exec(text);
  if (found === null) return null;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  if (hour > 23 || minute > 59 || second > 59) return null;
  const [offsetHours, offsetMinutes] = [Number(found[9] ?? 0), Number(found[10] ?? 0)];
  if (offsetHours > 23 || offsetMinutes > 59) return null;
  const offset = (found[8] === '-' ? -1 : 1) * (offsetHours * 3600 + offsetMinutes * 60);
  const nanos = Number((found[7] ?? '').slice(0, 9).padEnd(9, '0'));
  return Timestamp.at(date.getTime() / 1e3 + hour * 3600 + minute * 60 + second - offset, nanos, offset + 0);
}
