import net from 'node:net';

/** One keep-alive HTTP/1.1 connection that sends the same request again and again and checks each answer. */
export class Caller {
  readonly #socket: net.Socket;
  readonly #request: Buffer;
  readonly #expect: Buffer;
  #waiting: ((error: Error | null) => void) | null = null;
  #received: Buffer = Buffer.alloc(0);

  constructor(port: number, request: Buffer, expect: string) {
    this.#request = request;
    this.#expect = Buffer.from(expect);
    this.#socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.#socket.on('error', (error) => this.#waiting?.(error));
  }

  get busy(): boolean {
    return this.#waiting !== null;
  }

  /** Sends once; `done` is called when the whole answer is there, and was the expected one. */
  call(done: (error: Error | null) => void): void {
    this.#waiting = done;
    this.#socket.write(this.#request);
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0 || this.#received.length < end + 4 + this.#expect.length) return;
    const right =
      this.#received.toString('latin1', 9, 12) === '200' && this.#received.subarray(end + 4).equals(this.#expect);
    this.#received = Buffer.alloc(0);
    const done = this.#waiting;
    this.#waiting = null;
    done?.(right ? null : new Error('a wrong answer'));
  }
}

/** Bytes of a request with its head. */
export function requestBytes(path: string, headers: Readonly<Record<string, string>>, body: string): Buffer {
  const lines = Object.entries({ host: 'bench', ...headers, 'content-length': String(Buffer.byteLength(body)) });
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`,
  );
}
