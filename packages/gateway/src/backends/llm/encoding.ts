import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib';
import { BodyTooLarge, type Headers } from '@agentgateway/http';

/** A body is encoded in a way that nobody here can read, or in several ways at once. */
export class UnknownEncoding extends Error {
  override readonly name = 'UnknownEncoding';
  constructor(encoding: string) {
    super(`unsupported content encoding: ${encoding}`);
  }
}

type Decode = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

const decoders: Readonly<Record<string, Decode>> = {
  gzip: promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip),
  deflate: promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate),
  br: promisify<Buffer, { maxOutputLength: number }, Buffer>(brotliDecompress),
  zstd: promisify<Buffer, { maxOutputLength: number }, Buffer>(zstdDecompress),
};

/**
 * The one encoding of a body, or null if it is sent as it is (spec 05 §3.4).
 *
 * @throws UnknownEncoding
 */
export function encodingOf(headers: Headers): string | null {
  if (!headers.has('content-encoding')) return null;
  const value = headers.getAll('content-encoding').join(',');
  const encodings = value
    .toLowerCase()
    .split(',')
    .map((encoding) => encoding.trim())
    .filter((encoding) => encoding !== '' && encoding !== 'identity');
  if (encodings.length === 0) return null;
  const [encoding] = encodings;
  if (encodings.length > 1 || encoding === undefined || !Object.hasOwn(decoders, encoding)) {
    throw new UnknownEncoding(value);
  }
  return encoding;
}

/**
 * Decodes a whole body.
 *
 * @param encoding From {@link encodingOf}.
 * @param limit Bytes of the result.
 * @throws BodyTooLarge; what zlib throws if the bytes are not what the encoding says.
 */
export async function decode(bytes: Buffer, encoding: string, limit: number): Promise<Buffer> {
  try {
    return await (decoders[encoding] as Decode)(bytes, { maxOutputLength: limit });
  } catch (error) {
    if (error instanceof RangeError) throw new BodyTooLarge(limit);
    throw error;
  }
}
