import type { Host } from '../compile/evaluation.ts';
import { CelError, costExceeded, functionError } from '../values/error.ts';
import { CelMap } from '../values/map.ts';
import { Fields, typeNameOf, type Value } from '../values/value.ts';
import { Flattened, isCollection } from '../views/flattened.ts';
import { type FunctionGroup, unexpectedType } from './definition.ts';

/** Maps as a whole (spec 04 §5.5). `mapValues` and `filterKeys` bind names and so belong to the compiler. */
export const mapFunctions: FunctionGroup = {
  merge: { min: 2, method: true, call: (host, own, other) => merge(own, other, host) },
  flatten: { min: 1, call: (_, value) => flatten(value, false) },
  flattenRecursive: { min: 1, call: (_, value) => flatten(value, true) },
  flatten_recursive: { min: 1, call: (_, value) => flatten(value, true) },
};

function merge(own: Value, other: Value, host: Host): Value {
  if (!(own instanceof Fields) || !(other instanceof Fields)) {
    return functionError('merge', () => `${typeNameOf(own)} and ${typeNameOf(other)} are not two maps`);
  }
  const merged = new CelMap();
  for (const fields of [own, other]) {
    for (const key of fields.keys()) {
      if (!host.spend(1)) return costExceeded;
      const value = fields.get(key) ?? null;
      if (value instanceof CelError) return value;
      merged.set(key, value);
    }
  }
  return merged;
}

function flatten(value: Value, recursive: boolean): Value {
  return isCollection(value) ? new Flattened(value, recursive) : unexpectedType(value, 'list or map');
}
