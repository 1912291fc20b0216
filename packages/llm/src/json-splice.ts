import type { JsonObject } from './json-scan.ts';

/**
 * Changes single top-level fields of a JSON object while every other byte stays as it was: number formats, spacing, unknown
 * fields and their order survive.
 *
 * A field that the text repeats is changed everywhere: two readers may differ on which of them counts.
 */
export class JsonSplice {
  readonly #object: JsonObject;
  /** Per member: undefined stays, null goes, text takes its value's place. */
  readonly #values: (string | null | undefined)[] = [];
  readonly #keys: (string | undefined)[] = [];
  readonly #added: [name: string, json: string][] = [];

  constructor(object: JsonObject) {
    this.#object = object;
  }

  /** Gives a field a new value, or appends the field. `json` is JSON text. */
  set(name: string, json: string): this {
    let found = false;
    for (let i = 0; i < this.#object.size; i++) {
      if (this.#object.nameAt(i) !== name) continue;
      this.#values[i] = json;
      found = true;
    }
    if (!found) this.#added.push([name, json]);
    return this;
  }

  remove(name: string): this {
    for (let i = 0; i < this.#object.size; i++) if (this.#object.nameAt(i) === name) this.#values[i] = null;
    return this;
  }

  /** Gives a field another name and leaves its value. */
  rename(from: string, to: string): this {
    for (let i = 0; i < this.#object.size; i++) if (this.#object.nameAt(i) === from) this.#keys[i] = to;
    return this;
  }

  /** The new text; the same buffer if nothing was asked for. */
  apply(): Buffer {
    if (this.#values.length === 0 && this.#keys.length === 0 && this.#added.length === 0) return this.#object.bytes;
    const object = this.#object;
    const bytes = object.bytes;
    const parts: Buffer[] = [];
    let copied = 0;
    let lastKept = -1;
    const cut = (from: number, to: number, text: string) => {
      parts.push(bytes.subarray(copied, from));
      if (text !== '') parts.push(Buffer.from(text, 'utf8'));
      copied = to;
    };
    for (let i = 0; i < object.size; i++) {
      const key = object.keyAt(i);
      const value = object.valueAt(i);
      const replacement = this.#values[i];
      if (replacement === null) {
        // The comma that goes is the one before the member, or behind it while no member before it is left.
        if (lastKept >= 0) cut(object.valueAt(i - 1).end, value.end, '');
        else cut(key.start, i + 1 < object.size ? object.keyAt(i + 1).start : value.end, '');
        continue;
      }
      const name = this.#keys[i];
      if (name !== undefined) cut(key.start, key.end, JSON.stringify(name));
      if (replacement !== undefined) cut(value.start, value.end, replacement);
      lastKept = i;
    }
    if (this.#added.length > 0) {
      const text = this.#added.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',');
      // Behind the last member that stays; what was removed behind it is already skipped.
      const at = lastKept >= 0 ? Math.max(copied, object.valueAt(lastKept).end) : Math.max(copied, object.inside);
      cut(at, at, lastKept >= 0 ? `,${text}` : text);
    }
    parts.push(bytes.subarray(copied));
    return Buffer.concat(parts);
  }
}
