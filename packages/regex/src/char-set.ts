/**
 * A set of characters as the allow-list needs it: which of the 128 ASCII characters, and all of the others or none.
 */
export class CharSet {
  /** Bits of U+0000 to U+007F, 32 to a word. */
  readonly #ascii: readonly [number, number, number, number];
  /** True if it holds every character beyond ASCII. */
  readonly beyondAscii: boolean;

  private constructor(ascii: readonly [number, number, number, number], beyondAscii: boolean) {
    this.#ascii = ascii;
    this.beyondAscii = beyondAscii;
  }

  static readonly empty = new CharSet([0, 0, 0, 0], false);

  /** From `low` to `high`, both ASCII codes, both included. */
  static range(low: number, high: number): CharSet {
    const words: [number, number, number, number] = [0, 0, 0, 0];
    for (let code = low; code <= high; code++) words[(code >> 5) as 0] |= 1 << (code & 31);
    return new CharSet(words, false);
  }

  /** The one ASCII character at the start of `text`. */
  static of(text: string): CharSet {
    return CharSet.range(text.charCodeAt(0), text.charCodeAt(0));
  }

  has(code: number): boolean {
    return code < 128 ? ((this.#ascii[(code >> 5) as 0] >>> (code & 31)) & 1) === 1 : this.beyondAscii;
  }

  union(other: CharSet): CharSet {
    const [a, b, c, d] = this.#ascii;
    const [e, f, g, h] = other.#ascii;
    return new CharSet([a | e, b | f, c | g, d | h], this.beyondAscii || other.beyondAscii);
  }

  complement(): CharSet {
    const [a, b, c, d] = this.#ascii;
    return new CharSet([~a, ~b, ~c, ~d], !this.beyondAscii);
  }

  overlaps(other: CharSet): boolean {
    if (this.beyondAscii && other.beyondAscii) return true;
    return this.#ascii.some((word, index) => (word & (other.#ascii[index] as number)) !== 0);
  }

  get isEmpty(): boolean {
    return !this.beyondAscii && this.#ascii.every((word) => word === 0);
  }

  /** As a class of native RegExp with the `u` flag. Every character is escaped by its code, so none has a meaning of its own. */
  toNative(): string {
    let ranges = '';
    for (let low = 0; low < 128; low++) {
      if (!this.has(low)) continue;
      let high = low;
      while (high + 1 < 128 && this.has(high + 1)) high++;
      ranges += high === low ? escapeAscii(low) : `${escapeAscii(low)}-${escapeAscii(high)}`;
      low = high;
    }
    if (this.beyondAscii) ranges += '\\u{80}-\\u{10ffff}';
    return `[${ranges}]`;
  }
}

/** An ASCII character for native RegExp with the `u` flag, inside a class or outside. */
export function escapeAscii(code: number): string {
  const char = String.fromCharCode(code);
  return /[A-Za-z0-9/_ ]/.test(char) ? char : `\\x${code.toString(16).padStart(2, '0')}`;
}
