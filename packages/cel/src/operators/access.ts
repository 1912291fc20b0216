import { displayed } from '../values/display.ts';
import { CelError, noSuchKey } from '../values/error.ts';
import { Uint } from '../values/number.ts';
import { Fields, isMapKey, settle, type Value } from '../values/value.ts';

/** `value[index]` of values that are no errors. */
export function indexed(value: Value, index: Value): Value {
  const key = settle(index);
  if (Array.isArray(value)) {
    const place = key instanceof Uint ? key.value : key;
    if (typeof place === 'number') {
      const element: Value | undefined = value[place];
      if (element !== undefined) return element;
    }
    if (typeof place === 'number' || typeof place === 'bigint') {
      return new CelError('index', () => `Index out of bounds: ${place}`);
    }
    return new CelError('index', () => `Cannot use value as list index: ${displayed(key)}`);
  }
  if (value instanceof Fields) {
    if (!isMapKey(key)) return new CelError('index', () => `Cannot use value as map index: ${displayed(key)}`);
    const found = value.get(key);
    if (found !== undefined) return found;
    return noSuchKey(typeof key === 'string' ? key : displayed(key));
  }
  if (typeof settle(value) === 'string' && (typeof key === 'number' || typeof key === 'bigint')) {
    return noSuchKey(String(key));
  }
  return new CelError('index', () => `Cannot use value ${displayed(key)} to index ${displayed(value)}`);
}

/** `value.name` of a value that is no error; `absent` is the error for a field that is not there. */
export function selected(value: Value, name: string, absent: CelError): Value {
  if (!(value instanceof Fields)) return absent;
  const field = value.field(name);
  return field === undefined ? absent : field;
}
