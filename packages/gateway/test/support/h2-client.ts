import { once } from 'node:events';
import http2, {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2';

/** What came on one stream. `code` is that of `RST_STREAM`, 0 after a good end. */
export interface H2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly text: string;
  readonly code: number;
}

/** One connection of Node's own HTTP/2 client. */
export class H2Client implements AsyncDisposable {
  readonly session: ClientHttp2Session;
  /** Resolves with the code of the first GOAWAY. */
  readonly goaway: Promise<number>;

  constructor(url: string, options: ClientSessionOptions | SecureClientSessionOptions = {}) {
    this.session = http2.connect(url, options);
    this.session.on('error', () => {});
    this.goaway = new Promise((resolve) => this.session.once('goaway', resolve));
  }

  /** Opens a stream; its errors are told by its close. */
  open(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    const stream = this.session.request(headers);
    stream.on('error', () => {});
    return stream;
  }

  async ask(headers: OutgoingHttpHeaders, body?: string | Buffer): Promise<H2Answer> {
    const stream = this.open(headers);
    if (body !== undefined || headers[':method'] === 'POST') stream.end(body);
    return answerOn(stream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.session.destroyed) return;
    const closed = once(this.session, 'close');
    this.session.destroy();
    await closed;
  }
}

/** All that comes on a stream, once it is over. */
export async function answerOn(stream: ClientHttp2Stream): Promise<H2Answer> {
  let headers: IncomingHttpHeaders & { ':status'?: number | undefined } = {};
  let trailers: IncomingHttpHeaders = {};
  let text = '';
  stream.setEncoding('utf8');
  stream.on('response', (fields) => {
    headers = fields;
  });
  stream.on('trailers', (fields) => {
    trailers = fields;
  });
  stream.on('data', (chunk: string) => {
    text += chunk;
  });
  await new Promise((resolve) => stream.once('close', resolve));
  return { status: Number(headers[':status'] ?? 0), headers, trailers, text, code: stream.rstCode ?? 0 };
}
