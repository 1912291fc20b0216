import type { Socket } from 'node:net';

/** Milliseconds for a PROXY header to come whole. */
const TIMEOUT = 5_000;
const V1 = Buffer.from('PROXY ', 'latin1');
const V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Longest first line of version 1, with its line break. */
const V1_LENGTH = 107;

/**
 * Takes a PROXY protocol header (version 1 or 2) off the front of a connection, if there is one, and hands the connection on.
 * Probes of load balancers send it. The address in it is not used: nothing here depends on who asks. A connection whose
 * header is broken or does not come whole in five seconds is cut.
 */
export function acceptProxyHeader(socket: Socket, ready: (socket: Socket) => void): void {
  let held: Buffer = Buffer.alloc(0);
  const finish = (): void => {
    clearTimeout(timer);
    socket.off('readable', onReadable);
    socket.off('error', onError);
  };
  const timer = setTimeout(() => socket.destroy(), TIMEOUT);
  const onError = (): void => {
    socket.destroy();
  };
  const onReadable = (): void => {
    for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      const length = headerLength(held);
      if (length === 'more') continue;
      finish();
      if (length === 'broken') {
        socket.destroy();
        return;
      }
      if (held.length > length) socket.unshift(held.subarray(length));
      ready(socket);
      return;
    }
  };
  socket.on('readable', onReadable);
  socket.on('error', onError);
  socket.once('close', () => clearTimeout(timer));
}

/** Bytes of the header at the front; 0 if there is none. */
function headerLength(bytes: Buffer): number | 'more' | 'broken' {
  if (startsLike(bytes, V1)) {
    if (bytes.length < V1.length) return 'more';
    const end = bytes.indexOf('\r\n');
    if (end >= 0) return end + 2 <= V1_LENGTH ? end + 2 : 'broken';
    return bytes.length < V1_LENGTH ? 'more' : 'broken';
  }
  if (startsLike(bytes, V2)) {
    if (bytes.length < 16) return 'more';
    const length = 16 + bytes.readUInt16BE(14);
    if ((bytes[12] ?? 0) >> 4 !== 2) return 'broken';
    return bytes.length < length ? 'more' : length;
  }
  return 0;
}

/** Is `bytes` a beginning of `magic`, or `magic` one of `bytes`? */
function startsLike(bytes: Buffer, magic: Buffer): boolean {
  const length = Math.min(bytes.length, magic.length);
  return length > 0 && bytes.subarray(0, length).equals(magic.subarray(0, length));
}
