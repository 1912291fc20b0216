import { equal } from '../operators/equal.ts';
import { functionError } from './error.ts';
import { types } from './type.ts';
import { Opaque, type Value } from './value.ts';

/** What `optional.of` and `optional.none` make. */
export class Optional extends Opaque {
  override readonly type = types.optional_type;
  /** Undefined is none. */
  readonly value: Value | undefined;

  constructor(value: Value | undefined) {
    super();
    this.value = value;
  }

  override get text(): string {
    return this.value === undefined ? 'optional.none()' : 'optional.of(…)';
  }

  override equals(other: Opaque): boolean {
    if (!(other instanceof Optional)) return false;
    if (this.value === undefined || other.value === undefined) return this.value === other.value;
    return equal(this.value, other.value);
  }

  override call(name: string, args: readonly Value[]): Value | undefined {
    switch (name) {
      case 'hasValue':
        return this.value !== undefined;
      case 'value':
        return this.value !== undefined ? this.value : functionError('value', 'optional.none() dereference');
      case 'or':
      case 'orValue': {
        if (this.value !== undefined) return name === 'or' ? this : this.value;
        return args[0] === undefined ? functionError(name, 'Missing argument') : args[0];
      }
      default:
        return undefined;
    }
  }
}
