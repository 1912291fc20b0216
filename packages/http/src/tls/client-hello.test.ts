import net from 'node:net';
import tls from 'node:tls';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseClientHello } from './client-hello.ts';

/** What Node sends first. */
function helloOf(options: tls.ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve) => {
    const server = net.createServer((socket) => {
      socket.once('data', (bytes) => {
        resolve(bytes);
        socket.destroy();
        server.close();
      });
    });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options }).on('error', () => {});
    });
  });
}

/** The same handshake, cut into records of at most `size` bytes. */
function recut(bytes: Buffer, size: number): Buffer {
  const handshake = bytes.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < handshake.length; at += size) {
    const part = handshake.subarray(at, at + size);
    const header = Buffer.from([22, 3, 1, 0, 0]);
    header.writeUInt16BE(part.length, 3);
    records.push(header, part);
  }
  return Buffer.concat(records);
}

describe('a ClientHello', () => {
  it('tells name and protocols, the name as it is compared', async () => {
    const bytes = await helloOf({ servername: 'API.Example.test.', ALPNProtocols: ['h2', 'http/1.1'] });
    expect(parseClientHello(bytes)).toEqual({ sni: 'api.example.test', alpn: ['h2', 'http/1.1'] });
  });

  it('without a name has an empty one', async () => {
    expect(parseClientHello(await helloOf({}))).toEqual({ sni: '', alpn: [] });
  });

  it('cut at any byte needs more', async () => {
    const bytes = await helloOf({ servername: 'a.test' });
    for (let length = 0; length < bytes.length; length++)
      expect(parseClientHello(bytes.subarray(0, length))).toBeNull();
    expect(parseClientHello(Buffer.concat([bytes, Buffer.from('more')]))).toMatchObject({ sni: 'a.test' });
  });

  it.each([40, 100, 300])('in records of %i bytes is the same, whole and cut', async (size) => {
    const bytes = recut(await helloOf({ servername: 'a.test' }), size);
    expect(parseClientHello(bytes)).toEqual({ sni: 'a.test', alpn: [] });
    for (let length = 0; length < bytes.length; length += 7) {
      expect(parseClientHello(bytes.subarray(0, length))).toBeNull();
    }
  });

  it.each([1, 2, 3, 4, 5])('whose first record has %i bytes is the same', async (size) => {
    const bytes = await helloOf({ servername: 'a.test' });
    const first = recut(bytes.subarray(0, 5 + size), size);
    const rest = recut(bytes.subarray(size), 16_384);
    expect(parseClientHello(Buffer.concat([first, rest]))).toEqual({ sni: 'a.test', alpn: [] });
  });

  it('cut into very many records is refused', async () => {
    expect(parseClientHello(recut(await helloOf({ servername: 'a.test' }), 1))).toBe('invalid');
  });

  it('that is none is invalid from the first byte that shows it', () => {
    expect(parseClientHello(Buffer.from('G'))).toBe('invalid');
    expect(parseClientHello(Buffer.from([22, 2]))).toBe('invalid');
    expect(parseClientHello(Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0]))).toBe('invalid');
    expect(parseClientHello(Buffer.from([22, 3, 1, 0, 4, 1, 1, 0, 0]))).toBe('invalid');
    expect(parseClientHello(Buffer.from([22, 3, 1, 0, 0]))).toBe('invalid');
  });

  it('that is damaged never throws', async () => {
    const bytes = await helloOf({ servername: 'a.test', ALPNProtocols: ['h2'] });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (changes) => {
          const damaged = Buffer.from(bytes);
          for (const [at, value] of changes) damaged[at] = value;
          parseClientHello(damaged);
        },
      ),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        (noise) => void parseClientHello(Buffer.from([22, 3, 1, ...noise])),
      ),
    );
  });
});
