import zlib from 'node:zlib';
import type { Headers } from '../headers.ts';

/** Content codings that can be read and written (RFC 9110 §8.4.1, RFC 8878). `deflate` is the zlib format. */
export type ContentCoding = 'gzip' | 'deflate' | 'br' | 'zstd';

/**
 * The coding of a message's content: null where there is none, `unsupported` for several or an unknown one. `identity`
 * tokens count as nothing; `x-gzip` is gzip.
 */
export function contentEncoding(headers: Headers): ContentCoding | 'unsupported' | null {
  if (!headers.has('content-encoding')) return null;
  let found: ContentCoding | null = null;
  for (let i = 0; i < headers.length; i++) {
    if (headers.nameAt(i) !== 'content-encoding') continue;
    for (const part of headers.valueAt(i).split(',')) {
      const token = part.trim().toLowerCase();
      if (token === '' || token === 'identity') continue;
      const coding = codingOf(token);
      if (coding === null || found !== null) return 'unsupported';
      found = coding;
    }
  }
  return found;
}

function codingOf(token: string): ContentCoding | null {
  switch (token) {
    case 'gzip':
    case 'x-gzip':
      return 'gzip';
    case 'deflate':
    case 'br':
    case 'zstd':
      return token;
    default:
      return null;
  }
}

/** One of Node's compression streams; all of them flush what they have when `flush` is called. */
export type Codec = zlib.Gunzip | zlib.Inflate | zlib.BrotliDecompress | zlib.ZstdDecompress;

/** A stream that undoes a coding. Each chunk written comes out as far as it can be decoded. */
export function createDecoder(coding: ContentCoding): Codec {
  switch (coding) {
    case 'gzip':
      return zlib.createGunzip({ flush: zlib.constants.Z_SYNC_FLUSH });
    case 'deflate':
      return zlib.createInflate({ flush: zlib.constants.Z_SYNC_FLUSH });
    case 'br':
      return zlib.createBrotliDecompress({ flush: zlib.constants.BROTLI_OPERATION_FLUSH });
    case 'zstd':
      return zlib.createZstdDecompress({ flush: zlib.constants.ZSTD_e_flush });
  }
}

/** A stream that applies a coding. Each chunk written comes out at once, so that an event is not held back. */
export function createEncoder(coding: ContentCoding): Codec {
  switch (coding) {
    case 'gzip':
      return zlib.createGzip({ flush: zlib.constants.Z_SYNC_FLUSH });
    case 'deflate':
      return zlib.createDeflate({ flush: zlib.constants.Z_SYNC_FLUSH });
    case 'br':
      return zlib.createBrotliCompress({
        flush: zlib.constants.BROTLI_OPERATION_FLUSH,
        params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 },
      });
    case 'zstd':
      return zlib.createZstdCompress({ flush: zlib.constants.ZSTD_e_flush });
  }
}
