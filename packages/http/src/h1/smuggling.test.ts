import { expect, test } from 'vitest';
import { recorder, Served } from './fixtures.ts';

/** Head bytes without Host, which stands where a case needs it; `status` is the answer, `requests` how many were served. */
interface Attempt {
  readonly name: string;
  readonly bytes: string;
  readonly status: number;
  /** Requests that reached the handler whole. Default 0. */
  readonly requests?: number;
}

const G = 'GET / HTTP/1.1\r\nHost: a\r\n';
const P = 'POST / HTTP/1.1\r\nHost: a\r\n';
const C = `${P}Transfer-Encoding: chunked\r\n\r\n`;
const NEXT = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';

const attempts: Attempt[] = [
  { name: 'two lengths', bytes: `${P}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!`, status: 400 },
  { name: 'the same length twice', bytes: `${P}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`, status: 400 },
  { name: 'a list of lengths', bytes: `${P}Content-Length: 5, 5\r\n\r\nhello`, status: 400 },
  { name: 'a signed length', bytes: `${P}Content-Length: +5\r\n\r\nhello`, status: 400 },
  { name: 'a negative length', bytes: `${P}Content-Length: -5\r\n\r\nhello`, status: 400 },
  { name: 'a hexadecimal length', bytes: `${P}Content-Length: 0x5\r\n\r\nhello`, status: 400 },
  { name: 'a length with a fraction', bytes: `${P}Content-Length: 5.0\r\n\r\nhello`, status: 400 },
  { name: 'a length with an exponent', bytes: `${P}Content-Length: 1e1\r\n\r\nhello`, status: 400 },
  { name: 'a length with a space inside', bytes: `${P}Content-Length: 5 0\r\n\r\nhello`, status: 400 },
  { name: 'an empty length', bytes: `${P}Content-Length: \r\n\r\nhello`, status: 400 },
  { name: 'a length beyond all numbers', bytes: `${P}Content-Length: 99999999999999999999\r\n\r\n`, status: 400 },
  {
    name: 'length and coding',
    bytes: `${P}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    status: 400,
  },
  {
    name: 'coding and length',
    bytes: `${P}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    status: 400,
  },
  { name: 'chunked twice in a line', bytes: `${P}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, status: 501 },
  {
    name: 'chunked in two lines',
    bytes: `${P}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`,
    status: 400,
  },
  {
    name: 'chunked hidden behind identity',
    bytes: `${P}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n`,
    status: 400,
  },
  { name: 'coding identity', bytes: `${P}Transfer-Encoding: identity\r\n\r\n`, status: 501 },
  { name: 'coding gzip, chunked', bytes: `${P}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, status: 501 },
  { name: 'coding xchunked', bytes: `${P}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, status: 501 },
  {
    name: 'coding chunked with a parameter',
    bytes: `${P}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n`,
    status: 501,
  },
  { name: 'coding in quotes', bytes: `${P}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`, status: 501 },
  { name: 'an empty coding', bytes: `${P}Transfer-Encoding:\r\n\r\n0\r\n\r\n`, status: 501 },
  {
    name: 'a vertical tab before the coding',
    bytes: `${P}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
    status: 400,
  },
  { name: 'coding in HTTP/1.0', bytes: 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', status: 400 },
  { name: 'white space before the colon', bytes: `${P}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`, status: 400 },
  { name: 'a tab before the colon', bytes: `${P}Content-Length\t: 5\r\n\r\nhello`, status: 400 },
  { name: 'a folded value', bytes: `${P}X: a\r\n Transfer-Encoding: chunked\r\n\r\n`, status: 400 },
  { name: 'a value folded by a tab', bytes: `${P}X: a\r\n\tb\r\n\r\n`, status: 400 },
  { name: 'white space before the first field', bytes: 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', status: 400 },
  { name: 'a lone LF between fields', bytes: `${P}X: a\nContent-Length: 5\r\n\r\nhello`, status: 400 },
  { name: 'a lone CR in a value', bytes: `${P}X: a\rContent-Length: 5\r\n\r\nhello`, status: 400 },
  { name: 'lone LFs all over', bytes: 'GET / HTTP/1.1\nHost: a\n\n', status: 400 },
  { name: 'CR CR LF', bytes: `${P}X: a\r\r\n\r\n`, status: 400 },
  { name: 'NUL in a value', bytes: `${G}X: a\0b\r\n\r\n`, status: 400 },
  { name: 'NUL in a name', bytes: `${G}X\0: a\r\n\r\n`, status: 400 },
  { name: 'DEL in a value', bytes: `${G}X: \x7f\r\n\r\n`, status: 400 },
  { name: 'a line without a colon', bytes: `${G}Content-Length\r\n\r\n`, status: 400 },
  { name: 'an empty name', bytes: `${G}: x\r\n\r\n`, status: 400 },
  { name: 'a name in brackets', bytes: `${G}(X): x\r\n\r\n`, status: 400 },
  { name: 'a name beyond ASCII', bytes: `${G}X\xe9: x\r\n\r\n`, status: 400 },
  { name: 'two hosts', bytes: `${G}Host: b\r\n\r\n`, status: 400 },
  { name: 'the same host twice', bytes: `${G}Host: a\r\n\r\n`, status: 400 },
  { name: 'a host with a path', bytes: 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', status: 400 },
  { name: 'a host with user information', bytes: 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n', status: 400 },
  { name: 'a host with a space', bytes: 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', status: 400 },
  { name: 'a host with a bad port', bytes: 'GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n', status: 400 },
  {
    name: 'two hosts behind an absolute target',
    bytes: 'GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    status: 400,
  },
  { name: 'a target with a space', bytes: 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'two spaces before the version', bytes: 'GET /  HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'a tab for a space', bytes: 'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'a space behind the version', bytes: 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n', status: 400 },
  { name: 'no version', bytes: 'GET /\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'a version in lower case', bytes: 'GET / http/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'version 1.2', bytes: 'GET / HTTP/1.2\r\nHost: a\r\n\r\n', status: 505 },
  { name: 'version 2.0', bytes: 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', status: 505 },
  { name: 'version 0.9', bytes: 'GET / HTTP/0.9\r\nHost: a\r\n\r\n', status: 505 },
  { name: 'version 1.10', bytes: 'GET / HTTP/1.10\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'a target beyond ASCII', bytes: 'GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'a fragment', bytes: 'GET /#x HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'a relative target', bytes: 'GET x HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'another scheme', bytes: 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'user information in the target', bytes: 'GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'an asterisk for GET', bytes: 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'an origin form for CONNECT', bytes: 'CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'content behind CONNECT', bytes: 'CONNECT a:1 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello', status: 400 },
  { name: 'a method in brackets', bytes: '(GET) / HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'a space before the method', bytes: ' GET / HTTP/1.1\r\nHost: a\r\n\r\n', status: 400 },
  { name: 'two empty lines before', bytes: `\r\n\r\n${G}\r\n`, status: 400 },
  { name: 'an unknown expectation', bytes: `${P}Expect: 200-ok\r\nContent-Length: 0\r\n\r\n`, status: 417 },
  { name: 'a chunk size with 0x', bytes: `${C}0x5\r\nhello\r\n0\r\n\r\n`, status: 400 },
  { name: 'a signed chunk size', bytes: `${C}+5\r\nhello\r\n0\r\n\r\n`, status: 400 },
  { name: 'a negative chunk size', bytes: `${C}-5\r\nhello\r\n0\r\n\r\n`, status: 400 },
  { name: 'an empty chunk size', bytes: `${C}\r\nhello\r\n0\r\n\r\n`, status: 400 },
  { name: 'a space before a chunk size', bytes: `${C} 5\r\nhello\r\n0\r\n\r\n`, status: 400 },
  { name: 'a space behind a chunk size', bytes: `${C}5 \r\nhello\r\n0\r\n\r\n`, status: 400 },
  { name: 'a chunk size that overflows 64 bits', bytes: `${C}10000000000000005\r\nhello\r\n0\r\n\r\n`, status: 400 },
  { name: 'a chunk size beyond exact numbers', bytes: `${C}20000000000000\r\nhello\r\n0\r\n\r\n`, status: 400 },
  { name: 'only an extension', bytes: `${C};a\r\nhello\r\n0\r\n\r\n`, status: 400 },
  { name: 'a lone LF behind a chunk size', bytes: `${C}5\nhello\r\n0\r\n\r\n`, status: 400 },
  { name: 'a lone CR behind a chunk size', bytes: `${C}5\rhello\r\n0\r\n\r\n`, status: 400 },
  { name: 'a lone LF in a chunk extension', bytes: `${C}5;a\nhello\r\n0\r\n\r\n`, status: 400 },
  { name: 'a huge chunk extension', bytes: `${C}5;${'a'.repeat(2000)}\r\nhello\r\n0\r\n\r\n`, status: 400 },
  { name: 'a chunk extension without a name', bytes: `${C}5;\r\nhello\r\n0\r\n\r\n`, status: 400 },
  { name: 'a chunk longer than its size', bytes: `${C}5\r\nhello!\r\n0\r\n\r\n`, status: 400 },
  { name: 'a chunk that ends with LF', bytes: `${C}5\r\nhello\n0\r\n\r\n`, status: 400 },
  { name: 'a chunk that ends with CR', bytes: `${C}5\r\nhello\r0\r\n\r\n`, status: 400 },
  { name: 'a length among the trailers', bytes: `${C}0\r\nContent-Length: 5\r\n\r\n`, status: 400 },
  { name: 'a coding among the trailers', bytes: `${C}0\r\nTransfer-Encoding: chunked\r\n\r\n`, status: 400 },
  { name: 'a host among the trailers', bytes: `${C}0\r\nHost: b\r\n\r\n`, status: 400 },
  { name: 'a folded trailer', bytes: `${C}0\r\nX: a\r\n b\r\n\r\n`, status: 400 },
  { name: 'a lone LF in the trailers', bytes: `${C}0\r\nX: a\n\r\n`, status: 400 },
  { name: 'huge trailers', bytes: `${C}0\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, status: 431 },
  { name: 'too many fields', bytes: `${G}${'X: y\r\n'.repeat(100)}\r\n`, status: 431 },
  { name: 'a head that is too large', bytes: `${G}X: ${'y'.repeat(70_000)}\r\n\r\n`, status: 431 },
  { name: 'a head that is too large and has no end', bytes: `${G}X: ${'y'.repeat(70_000)}`, status: 431 },
  { name: 'the last chunk and a good request', bytes: `${C}0\r\n\r\n${NEXT}`, status: 200, requests: 2 },
  {
    name: 'as many bytes as announced and a good request',
    bytes: `${P}Content-Length: 5\r\n\r\nhello${NEXT}`,
    status: 200,
    requests: 2,
  },
  { name: 'content behind GET', bytes: `${G}Content-Length: 5\r\n\r\nhello${NEXT}`, status: 200, requests: 2 },
  { name: 'leading zeros in a length', bytes: `${P}Content-Length: 005\r\n\r\nhello`, status: 200, requests: 1 },
  { name: 'leading zeros in a chunk size', bytes: `${C}0005\r\nhello\r\n0\r\n\r\n`, status: 200, requests: 1 },
  { name: 'a chunk extension in quotes', bytes: `${C}5;a="b;c"\r\nhello\r\n0\r\n\r\n`, status: 200, requests: 1 },
  { name: 'chunked in capitals', bytes: `${P}Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n`, status: 200, requests: 1 },
  { name: 'white space around a value', bytes: `${P}Content-Length: \t 5 \t\r\n\r\nhello`, status: 200, requests: 1 },
  { name: 'one empty line before', bytes: `\r\n${G}\r\n`, status: 200, requests: 1 },
  { name: 'bytes beyond ASCII in a value', bytes: `${G}X: \xe9\r\n\r\n`, status: 200, requests: 1 },
  { name: 'no host', bytes: 'GET / HTTP/1.1\r\n\r\n', status: 200, requests: 1 },
  { name: 'an empty host', bytes: 'GET / HTTP/1.1\r\nHost:\r\n\r\n', status: 200, requests: 1 },
  { name: 'a host in brackets', bytes: 'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n', status: 200, requests: 1 },
];

test.each(attempts)('$name: $status', async ({ bytes, status, requests = 0 }) => {
  const seen: string[] = [];
  const served = await new Served(recorder(seen)).send(Buffer.from(bytes, 'latin1'));
  expect(served.peer.text.slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
  const whole = seen.filter((line) => JSON.parse(line).body.end === 'end');
  expect(whole.length).toBe(requests);
  if (status === 200) return;
  expect(served.peer.text).toContain('connection: close');
  expect(served.peer.text).toContain('content-type: text/plain');
  expect(served.peer.text.split('HTTP/1.1 ').length).toBe(2);
  expect(served.peer.ended).toBe(true);
});
