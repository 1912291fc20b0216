import { type Activation, type Program, toNative, Uint, type Value } from '@agentgateway/cel';
import { RateLimitUnit } from '@agentgateway/protos';
import type { Ports } from '../../pipeline/step.ts';
import type { DescriptorSpec } from './spec.ts';

/** A descriptor of one request, as it is sent. */
export interface Descriptor {
  readonly entries: { key: string; value: string }[];
  readonly hitsAddend?: bigint;
  readonly limit?: { requestsPerUnit: number; unit: RateLimitUnit };
}

/** Makes the descriptors of a request; those that cannot be made up are left out. */
export type DescribeRequest = (variables: Activation) => Descriptor[];

/** Compiles descriptors; null where none can ever be sent. */
export function compileDescriptors(specs: readonly DescriptorSpec[], ports: Ports): DescribeRequest | null {
  const makers = specs.filter(({ entries }) => entries.length > 0).map((spec) => compileDescriptor(spec, ports));
  if (makers.length === 0) return null;
  return (variables) => {
    const descriptors: Descriptor[] = [];
    for (const make of makers) {
      const descriptor = make(variables);
      if (descriptor !== null) descriptors.push(descriptor);
    }
    return descriptors;
  };
}

function compileDescriptor(spec: DescriptorSpec, ports: Ports): (variables: Activation) => Descriptor | null {
  const entries = spec.entries.map(({ key, value }) => ({ key, program: ports.expression(value) }));
  const cost: Program | null = spec.cost === undefined ? null : ports.expression(spec.cost);
  const limit: Program | null = spec.limitOverride === undefined ? null : ports.expression(spec.limitOverride);

  return (variables) => {
    const made: { entries: Descriptor['entries']; hitsAddend?: bigint; limit?: NonNullable<Descriptor['limit']> } = {
      entries: [],
    };
    for (const { key, program } of entries) {
      const value = entryText(program.evaluate(variables));
      if (value === null) return null;
      made.entries.push({ key, value });
    }
    if (cost !== null) {
      const hits = wholeNumber(cost.evaluate(variables));
      if (hits === null) return null;
      made.hitsAddend = hits;
    }
    if (limit !== null) {
      const override = overrideOf(limit.evaluate(variables));
      if (override === null) return null;
      made.limit = override;
    }
    return made;
  };
}

/** Strings, bools, whole numbers and bytes (as base64) can be counted by; null for everything else (spec 04 §6). */
function entryText(value: Value): string | null {
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
    case 'number':
    case 'bigint':
      return String(value);
  }
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return null;
}

/** An unsigned 64-bit integer, else null. */
function wholeNumber(value: Value): bigint | null {
  const integer = value instanceof Uint ? value.value : value;
  if (typeof integer !== 'number' && typeof integer !== 'bigint') return null;
  return integer >= 0 ? BigInt(integer) : null;
}

const units: Readonly<Record<string, RateLimitUnit>> = {
  second: RateLimitUnit.SECOND,
  minute: RateLimitUnit.MINUTE,
  hour: RateLimitUnit.HOUR,
  day: RateLimitUnit.DAY,
  month: RateLimitUnit.MONTH,
  year: RateLimitUnit.YEAR,
};

function overrideOf(value: Value): NonNullable<Descriptor['limit']> | null {
  const plain = toNative(value);
  if (typeof plain !== 'object' || plain === null || !('unit' in plain) || !('requestsPerUnit' in plain)) return null;
  const { unit, requestsPerUnit } = plain;
  if (typeof unit !== 'string' || typeof requestsPerUnit !== 'number') return null;
  if (!Number.isInteger(requestsPerUnit) || requestsPerUnit < 0 || requestsPerUnit > 0xffff_ffff) return null;
  const name = unit.toLowerCase();
  return Object.hasOwn(units, name) ? { requestsPerUnit, unit: units[name] as RateLimitUnit } : null;
}
