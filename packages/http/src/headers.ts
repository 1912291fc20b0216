/**
 * Header fields in the order in which they came, with a lower-case look-up (RFC 9110 §5).
 *
 * Names are stored in lower case. Values are byte strings: one character per byte, as they stood on the wire (latin1); text
 * beyond that range must be encoded by whoever puts it in. The spelling of names is kept beside them only where somebody
 * asked for it (`http1HeaderCase: preserve`).
 */
export class Headers {
  /** `[name, value, name, value, …]`. Read with `nameAt` / `valueAt`; writing goes through the methods. */
  readonly #fields: string[];
  /** Names as received, one per field, or nothing where nobody needs them. */
  #spelling: string[] | null = null;

  constructor(fields: string[] = [], spelling: string[] | null = null) {
    this.#fields = fields;
    this.#spelling = spelling;
  }

  /** Builds headers from pairs; names may come in any case. */
  static of(...pairs: [name: string, value: string][]): Headers {
    const headers = new Headers();
    for (const [name, value] of pairs) headers.append(name.toLowerCase(), value);
    return headers;
  }

  /** Number of field lines. */
  get length(): number {
    return this.#fields.length >> 1;
  }

  /** True if the spelling of names was kept. */
  get spelled(): boolean {
    return this.#spelling !== null;
  }

  nameAt(index: number): string {
    return this.#fields[index << 1] as string;
  }

  valueAt(index: number): string {
    return this.#fields[(index << 1) + 1] as string;
  }

  /** The name as it was received, or in lower case if the spelling was not kept. */
  spellingAt(index: number): string {
    return this.#spelling === null ? this.nameAt(index) : (this.#spelling[index] as string);
  }

  /** The first value of a field, or nothing. `name` must be in lower case. */
  get(name: string): string | undefined {
    const fields = this.#fields;
    for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) return fields[i + 1];
    return undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** Every value of a field, one per line. `name` must be in lower case. */
  getAll(name: string): string[] {
    const values: string[] = [];
    const fields = this.#fields;
    for (let i = 0; i < fields.length; i += 2) if (fields[i] === name) values.push(fields[i + 1] as string);
    return values;
  }

  /** Adds a field line at the end. `name` must be in lower case. */
  append(name: string, value: string): void {
    this.#fields.push(name, value);
    this.#spelling?.push(name);
  }

  /** Puts one line in the place of the first of this name and drops the others; appends if there was none. */
  set(name: string, value: string): void {
    const fields = this.#fields;
    for (let i = 0; i < fields.length; i += 2) {
      if (fields[i] !== name) continue;
      fields[i + 1] = value;
      this.#deleteFrom(name, i + 2);
      return;
    }
    this.append(name, value);
  }

  /** Drops every line of this name; true if there was one. `name` must be in lower case. */
  delete(name: string): boolean {
    return this.#deleteFrom(name, 0);
  }

  #deleteFrom(name: string, start: number): boolean {
    const fields = this.#fields;
    let to = start;
    while (to < fields.length && fields[to] !== name) to += 2;
    if (to >= fields.length) return false;
    for (let from = to + 2; from < fields.length; from += 2) {
      if (fields[from] === name) continue;
      fields[to] = fields[from] as string;
      fields[to + 1] = fields[from + 1] as string;
      if (this.#spelling !== null) this.#spelling[to >> 1] = this.#spelling[from >> 1] as string;
      to += 2;
    }
    fields.length = to;
    if (this.#spelling !== null) this.#spelling.length = to >> 1;
    return true;
  }

  clone(): Headers {
    return new Headers(this.#fields.slice(), this.#spelling === null ? null : this.#spelling.slice());
  }

  *[Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    for (let i = 0; i < this.#fields.length; i += 2) yield [this.#fields[i] as string, this.#fields[i + 1] as string];
  }
}
