import type { Integer } from './number.ts';
import { Uint } from './number.ts';
import { Fields, type MapKey, type Value } from './value.ts';

type Plain = string | boolean | Integer;

/** A map with keys of four kinds. It keeps the order of insertion, uint keys after the others. */
export class CelMap extends Fields {
  readonly #plain: Map<Plain, Value>;
  #uints: Map<Integer, Value> | null = null;

  /** Takes over the map that it is given. */
  constructor(plain: Map<Plain, Value> = new Map()) {
    super();
    this.#plain = plain;
  }

  /** Only while the map is being made. */
  set(key: MapKey, value: Value): this {
    if (key instanceof Uint) {
      this.#uints ??= new Map();
      this.#uints.set(key.value, value);
    } else this.#plain.set(key, value);
    return this;
  }

  override field(name: string): Value | undefined {
    return this.#plain.get(name);
  }

  override get(key: MapKey): Value | undefined {
    if (typeof key === 'string' || typeof key === 'boolean') return this.#plain.get(key);
    const isUint = key instanceof Uint;
    const number = isUint ? key.value : key;
    const first = isUint ? this.#uints?.get(number) : this.#plain.get(number);
    return first !== undefined ? first : isUint ? this.#plain.get(number) : this.#uints?.get(number);
  }

  override has(key: MapKey): boolean {
    return key instanceof Uint ? this.#uints?.has(key.value) === true : this.#plain.has(key);
  }

  override get size(): number {
    return this.#plain.size + (this.#uints?.size ?? 0);
  }

  override *names(): Iterable<string> {
    for (const key of this.#plain.keys()) if (typeof key === 'string') yield key;
  }

  override keys(): MapKey[] {
    const keys: MapKey[] = [...this.#plain.keys()];
    if (this.#uints !== null) for (const key of this.#uints.keys()) keys.push(new Uint(key));
    return keys;
  }
}
