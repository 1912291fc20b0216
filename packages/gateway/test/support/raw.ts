import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import tls, { type ConnectionOptions } from 'node:tls';

/** A client that sends what it is told, byte for byte, and keeps what it is sent. */
export class RawClient implements AsyncDisposable {
  readonly socket: Socket;
  /** Everything received, as latin1. */
  text = '';
  /** `open`, then how the other side ended it. */
  state: 'open' | 'ended' | 'reset' = 'open';
  #waiting: (() => void)[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.text += chunk;
      this.#wake();
    });
    socket.on('end', () => this.#over('ended'));
    socket.on('error', () => this.#over('reset'));
    socket.on('close', () => this.#over('reset'));
  }

  static async connect(port: number, options?: ConnectionOptions): Promise<RawClient> {
    if (options === undefined) {
      const socket = net.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return new RawClient(socket);
    }
    const socket = tls.connect({ port, host: '127.0.0.1', ...options });
    await once(socket, 'secureConnect');
    return new RawClient(socket);
  }

  write(text: string): this {
    this.socket.write(text, 'latin1');
    return this;
  }

  /** Resolves once everything received holds `text`; then gives everything up to its end and forgets that. */
  async until(text: string): Promise<string> {
    for (;;) {
      const at = this.text.indexOf(text);
      if (at >= 0) {
        const end = at + text.length;
        const taken = this.text.slice(0, end);
        this.text = this.text.slice(end);
        return taken;
      }
      if (this.state !== 'open') throw new Error(`${this.state} before ${JSON.stringify(text)}: ${this.text}`);
      await this.#change();
    }
  }

  /** Resolves when the other side is done; gives what it sent and was not asked for. */
  async end(): Promise<string> {
    while (this.state === 'open') await this.#change();
    return this.text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.closed) return;
    this.socket.destroy();
    await once(this.socket, 'close');
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #over(state: 'ended' | 'reset'): void {
    if (this.state === 'open') this.state = state;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
