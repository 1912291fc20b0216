import type { CelError } from './error.ts';
import { Double, type Integer, Uint } from './number.ts';
import { Duration, Timestamp } from './time.ts';
import { type TypeName, TypeValue, types } from './type.ts';

/**
 * Every value of the language. An int is a bare `number` or `bigint` (see `Integer`), a list is an array, bytes are a
 * `Uint8Array`; everything else has a class of its own. Values are never changed once made.
 */
export type Value =
  | null
  | boolean
  | Integer
  | Uint
  | Double
  | string
  | Uint8Array
  | readonly Value[]
  | Duration
  | Timestamp
  | TypeValue
  | Dynamic
  | CelError;

/** Keys of maps. Others are refused with an error. */
export type MapKey = string | boolean | Integer | Uint;

/** A value that may have methods of its own, which are looked for before the function table. */
export abstract class Dynamic {
  /** Undefined if there is no such method. */
  call(_name: string, _args: readonly Value[]): Value | undefined {
    return undefined;
  }
}

/** Anything with fields: maps, and lazy views that make a field's value when somebody asks for it. */
export abstract class Fields extends Dynamic {
  /** The value under a name; undefined if there is none. A field that is there and null answers null. */
  abstract field(name: string): Value | undefined;
  abstract names(): Iterable<string>;

  get size(): number {
    let count = 0;
    for (const _ of this.names()) count++;
    return count;
  }

  /** As an index does it: ints and uints stand for each other. */
  get(key: MapKey): Value | undefined {
    return typeof key === 'string' ? this.field(key) : undefined;
  }

  /** As `in` does it: only a key of the same kind counts. */
  has(key: MapKey): boolean {
    return typeof key === 'string' && this.field(key) !== undefined;
  }

  keys(): Iterable<MapKey> {
    return this.names();
  }
}

/** What behaves as a string, and may know more about itself: a URI, a secret. */
export abstract class Text extends Dynamic {
  /** What operators and functions see. */
  abstract readonly text: string;
}

/** An opaque value: nothing but its methods, its text and equality. */
export abstract class Opaque extends Dynamic {
  abstract readonly type: TypeValue;
  /** As JSON shows it. */
  abstract readonly text: string;
  abstract equals(other: Opaque): boolean;
}

/** The type of a value. Must not be asked of an error. */
export function typeOf(value: Value): TypeValue {
  return types[typeNameOf(value)];
}

/** The name of a value's type; an error has the name `dyn`, which no value has. */
export function typeNameOf(value: Value): TypeName {
  switch (typeof value) {
    case 'string':
      return 'string';
    case 'boolean':
      return 'bool';
    case 'number':
    case 'bigint':
      return 'int';
  }
  if (value === null) return 'null_type';
  if (Array.isArray(value)) return 'list';
  if (value instanceof Uint) return 'uint';
  if (value instanceof Double) return 'double';
  if (value instanceof Fields) return 'map';
  if (value instanceof Text) return 'string';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof Duration) return 'google.protobuf.Duration';
  if (value instanceof Timestamp) return 'google.protobuf.Timestamp';
  if (value instanceof TypeValue) return 'type';
  if (value instanceof Opaque) return value.type.name as TypeName;
  return 'dyn';
}

/** A string stays what it is, string-like values become it; everything else is untouched. */
export function settle(value: Value): Value {
  return value instanceof Text ? value.text : value;
}

/** Whether a value may be the key of a map. */
export function isMapKey(value: Value): value is MapKey {
  return (
    typeof value === 'string' ||
    typeof value === 'boolean' ||
    typeof value === 'number' ||
    typeof value === 'bigint' ||
    value instanceof Uint
  );
}
