import { CelError } from '../values/error.ts';
import { canonical, Double, int64Max, int64Min, Uint, uint64Max } from '../values/number.ts';
import { Fields, type Value } from '../values/value.ts';

/** Arrays and objects inside of each other; deeper ones are errors, so that whatever walks over values may recurse. */
const maxDepth = 128;

/** What a non-negative integer becomes. Both compare equal; arithmetic does not mix them. */
export type WholeNumbers = 'int' | 'uint';

/**
 * A JSON value as `JSON.parse` gives it, or as `parseJson` does. Objects become lazy views: nothing is converted before an expression
 * looks. Claims and metadata show their own numbers as ints, and numbers inside of arrays as uints (spec 04 §4).
 */
export function fromJson(json: unknown, numbers: WholeNumbers = 'int'): Value {
  return convert(json, numbers, 0);
}

function convert(json: unknown, numbers: WholeNumbers, depth: number): Value {
  switch (typeof json) {
    case 'string':
    case 'boolean':
      return json;
    case 'number':
      return whole(json, numbers);
    case 'bigint':
      return wide(json, numbers);
    case 'undefined':
      return null;
  }
  if (json === null) return null;
  if (json instanceof Double || json instanceof CelError) return json;
  if (depth >= maxDepth) return new CelError('limit', `JSON nests deeper than ${maxDepth}`);
  if (!Array.isArray(json)) return new JsonObject(json as Readonly<Record<string, unknown>>, numbers, depth + 1);
  const list: Value[] = [];
  for (const element of json) {
    const value = convert(element, 'uint', depth + 1);
    if (value instanceof CelError) return value;
    list.push(value);
  }
  return list;
}

function whole(number: number, numbers: WholeNumbers): Value {
  if (!Number.isSafeInteger(number)) return new Double(number);
  return numbers === 'uint' && number >= 0 ? new Uint(number + 0) : number + 0;
}

function wide(number: bigint, numbers: WholeNumbers): Value {
  if (number > uint64Max || number < int64Min) return new Double(Number(number));
  if (number > int64Max) return new Uint(number);
  const value = canonical(number);
  return numbers === 'uint' && number >= 0n ? new Uint(value) : value;
}

/** An object of parsed JSON. Its fields are converted when read. */
export class JsonObject extends Fields {
  readonly #json: Readonly<Record<string, unknown>>;
  readonly #numbers: WholeNumbers;
  readonly #depth: number;
  /** Arrays that were converted already: rules ask for the same roles again and again. */
  #lists: Map<string, Value> | null = null;
  #names: readonly string[] | null = null;

  constructor(json: Readonly<Record<string, unknown>>, numbers: WholeNumbers, depth: number) {
    super();
    this.#json = json;
    this.#numbers = numbers;
    this.#depth = depth;
  }

  override field(name: string): Value | undefined {
    // `constructor` and `toString` are no fields unless the text had them.
    if (!Object.hasOwn(this.#json, name)) return undefined;
    const value = this.#json[name];
    if (typeof value === 'string') return value;
    return Array.isArray(value) ? this.#list(name, value) : convert(value, this.#numbers, this.#depth);
  }

  #list(name: string, json: readonly unknown[]): Value {
    const known = this.#lists?.get(name);
    if (known !== undefined) return known;
    const list = convert(json, this.#numbers, this.#depth);
    this.#lists ??= new Map();
    this.#lists.set(name, list);
    return list;
  }

  override names(): readonly string[] {
    this.#names ??= Object.keys(this.#json);
    return this.#names;
  }

  override get size(): number {
    return this.names().length;
  }
}
