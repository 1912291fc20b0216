import { Fields, type Value } from '@agentgateway/cel';

/** A field of a view: made when it is read; undefined where there is none. */
export type Readers<T> = Readonly<Record<string, (of: T) => Value | undefined>>;

/**
 * An object of the gateway's as a map of expressions. The readers are a null-prototype table that all views of a class share, so that
 * `constructor` is no field of anything.
 */
export class View<T> extends Fields {
  readonly of: T;
  readonly #readers: Readers<T>;

  constructor(of: T, readers: Readers<T>) {
    super();
    this.of = of;
    this.#readers = readers;
  }

  override field(name: string): Value | undefined {
    return this.#readers[name]?.(this.of);
  }

  override *names(): Iterable<string> {
    for (const name of Object.keys(this.#readers)) if (this.field(name) !== undefined) yield name;
  }
}

/** Makes a table of readers; names are looked up in it by what a client may have written. */
export function readers<T>(table: Record<string, (of: T) => Value | undefined>): Readers<T> {
  return Object.assign(Object.create(null), table) as Readers<T>;
}
