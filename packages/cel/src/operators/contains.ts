import { CelError } from '../values/error.ts';
import { type Meter, textPerUnit } from '../values/meter.ts';
import { Fields, isMapKey, settle, typeNameOf, type Value } from '../values/value.ts';
import { equal } from './equal.ts';

/** `in`: an element of a list, a key of a map (of the same kind), a part of a string. */
export function isIn(element: Value, container: Value, meter: Meter): boolean | CelError {
  if (Array.isArray(container)) return holds(container, element, meter);
  const key = settle(element);
  if (container instanceof Fields) {
    if (isMapKey(key)) return container.has(key);
    return new CelError('key', () => `Unable to use value '${typeNameOf(key)}' as a key`);
  }
  const text = settle(container);
  if (typeof text === 'string' && typeof key === 'string') {
    meter.spend(text.length / textPerUnit);
    return text.includes(key);
  }
  return new CelError(
    'unsupported',
    () => `Unsupported binary operator 'in': ${typeNameOf(element)}, ${typeNameOf(container)}`,
  );
}

/** Is an element of the list equal to the value? */
export function holds(list: readonly Value[], element: Value, meter: Meter): boolean {
  if (!meter.spend(list.length)) return false;
  if (typeof element === 'string') {
    for (let i = 0; i < list.length; i++) {
      const one = list[i] as Value;
      if (one === element || (typeof one === 'object' && settle(one) === element)) return true;
    }
    return false;
  }
  for (const one of list) if (equal(one, element, meter)) return true;
  return false;
}
