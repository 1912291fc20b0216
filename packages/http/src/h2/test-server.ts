import { defaultServerOptions, type Handler, type ServedConnection, type ServerOptions } from '../server/handler.ts';
import { type Listening, listen } from '../server/listen.ts';
import { serveHttp2 } from './server.ts';

/** An HTTP/2 server of ours on a free port, with what tests look at. */
export interface TestServer {
  readonly url: string;
  readonly port: number;
  readonly listening: Listening;
  readonly served: ServedConnection[];
  close(): Promise<void>;
}

export async function startServer(
  handler: Handler,
  http2: Partial<ServerOptions['http2']> = {},
  options: Partial<ServerOptions> = {},
): Promise<TestServer> {
  const served: ServedConnection[] = [];
  const all: ServerOptions = {
    ...defaultServerOptions,
    ...options,
    http2: { ...defaultServerOptions.http2, ...http2 },
  };
  const listening = await listen({ host: '127.0.0.1', port: 0 }, {}, (transport, info) => {
    served.push(serveHttp2(transport, info, handler, all));
  });
  const { port } = listening.address;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    listening,
    served,
    async close() {
      await listening.close();
      for (const connection of served) connection.destroy(new Error('the test is over'));
    },
  };
}

/** The next event of this name; rejects with `error`. */
export function next(emitter: NodeJS.EventEmitter, event: string): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    emitter.once(event, (...args: unknown[]) => resolve(args));
    if (event !== 'error') emitter.once('error', reject);
  });
}
