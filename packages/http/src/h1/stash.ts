const EMPTY = Buffer.alloc(0);

/** Bytes that wait: copied in, taken out all at once. Grows by doubling, so that byte-wise senders cost no more than others. */
export class Stash {
  #bytes: Buffer | null = null;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(chunk: Buffer): void {
    const needed = this.#length + chunk.length;
    if (this.#bytes === null || needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(this.#bytes === null ? needed : Math.max(needed, 2 * this.#bytes.length));
      if (this.#bytes !== null) this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    chunk.copy(this.#bytes, this.#length);
    this.#length = needed;
  }

  /** What is there; valid until the next `append`. */
  peek(): Buffer {
    return this.#bytes === null ? EMPTY : this.#bytes.subarray(0, this.#length);
  }

  /** What is there; it belongs to the caller, and the stash is empty. */
  take(): Buffer {
    const bytes = this.peek();
    this.#bytes = null;
    this.#length = 0;
    return bytes;
  }

  /** Drops the first `count` bytes. */
  skip(count: number): void {
    if (this.#bytes === null) return;
    if (count >= this.#length) {
      this.#bytes = null;
      this.#length = 0;
    } else {
      this.#bytes = this.#bytes.subarray(count);
      this.#length -= count;
    }
  }
}
