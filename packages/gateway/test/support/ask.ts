import http, { type IncomingMessage, type OutgoingHttpHeaders, type RequestOptions } from 'node:http';
import https, { type RequestOptions as SecureOptions } from 'node:https';

/** An answer as Node's own client saw it. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly trailers: IncomingMessage['trailers'];
  readonly text: string;
  /** False if the message broke off. */
  readonly whole: boolean;
}

export interface AskOptions extends Pick<SecureOptions, 'ca' | 'cert' | 'key' | 'servername' | 'rejectUnauthorized'> {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: OutgoingHttpHeaders | readonly string[];
  readonly body?: string | Buffer;
  /** Connections to use; absent is one of its own. */
  readonly agent?: http.Agent | false;
  readonly secure?: boolean;
}

/** One request by `node:http`, which lets any `host` be said. @throws Error where no answer came. */
export function ask(port: number, options: AskOptions = {}): Promise<Answer> {
  const { secure = false, body, headers, agent, ...rest } = options;
  const how: RequestOptions & SecureOptions = {
    ...rest,
    host: '127.0.0.1',
    port,
    agent: agent ?? false,
    ...(headers === undefined ? {} : { headers: headers as OutgoingHttpHeaders }),
  };
  return new Promise((resolve, reject) => {
    const request = secure ? https.request(how) : http.request(how);
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      const finish = (whole: boolean) =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          rawHeaders: response.rawHeaders,
          trailers: response.trailers,
          text: Buffer.concat(chunks).toString(),
          whole,
        });
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => finish(true));
      response.on('error', () => finish(false));
    });
    request.end(body);
  });
}
