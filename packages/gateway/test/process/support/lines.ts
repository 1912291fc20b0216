import type { Readable } from 'node:stream';

/** The lines of an output stream, kept, and waited for. */
export class Lines {
  /** Whole lines so far, without their newline. */
  readonly all: string[] = [];
  readonly #waiting = new Set<() => void>();
  #rest = '';
  #ended = false;
  #next = 0;

  constructor(stream: Readable) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      const lines = (this.#rest + chunk).split('\n');
      this.#rest = lines.pop() as string;
      this.all.push(...lines);
      this.#wake();
    });
    stream.on('close', () => {
      if (this.#rest !== '') this.all.push(this.#rest);
      this.#ended = true;
      this.#wake();
    });
  }

  get text(): string {
    return this.all.join('\n');
  }

  /**
   * The next line with `text` in it, after the one that this gave last; lines before it are passed over.
   *
   * @throws Error if the stream ends without one.
   */
  async next(text: string | RegExp): Promise<string> {
    for (;;) {
      for (; this.#next < this.all.length; this.#next++) {
        const line = this.all[this.#next] as string;
        if (typeof text === 'string' ? line.includes(text) : text.test(line)) {
          this.#next++;
          return line;
        }
      }
      if (this.#ended) throw new Error(`no line with ${text} in:\n${this.text}`);
      await this.#more();
    }
  }

  /** Resolves when `count` lines have `text` in them, from the first line on; gives them. */
  async count(text: string, count: number): Promise<string[]> {
    for (;;) {
      const found = this.all.filter((line) => line.includes(text));
      if (found.length >= count) return found;
      if (this.#ended) throw new Error(`${found.length} of ${count} lines with ${text} in:\n${this.text}`);
      await this.#more();
    }
  }

  /** From now on, `next` looks at later lines only. */
  skip(): void {
    this.#next = this.all.length;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}
