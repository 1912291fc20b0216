import { once } from 'node:events';
import net from 'node:net';

/**
 * Ports below those that systems give to outgoing connections and to port 0: nobody gets one of these by chance between
 * now and the moment when it is listened on. Each of the test runner's processes has a part of them.
 */
const FIRST = 10_000;
const SHARE = 2_500;
const SHARES = 8;

const first = FIRST + (Number(process.env.VITEST_POOL_ID ?? 0) % SHARES) * SHARE;
let next = Math.floor(Math.random() * SHARE);

/** A port that nobody listens on at the moment, and that this process has not been given before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = first + (next++ % SHARE);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = net.createServer();
  try {
    server.listen(port);
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
