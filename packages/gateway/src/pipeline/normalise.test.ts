import { Headers, type HttpVersion, Request } from '@agentgateway/http';
import { describe, expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import { GatewayError } from './errors.ts';
import { normalise } from './normalise.ts';

function request(
  options: {
    host?: string;
    authority?: string;
    scheme?: string;
    method?: string;
    path?: string;
    version?: HttpVersion;
  } = {},
): Request {
  const { host, authority = '', scheme = '', method = 'GET', path = '/', version = 'HTTP/1.1' } = options;
  const headers = host === undefined ? new Headers() : Headers.of(['host', host]);
  return new Request(method, scheme, authority, path, version, headers, null);
}

function failure(act: () => unknown): GatewayError {
  try {
    act();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

// Spec 02 answers 503 `processing failed`; §6, 22 asks for 400 and the reason InvalidRequest, which is what stands here.
test('PROXY-13, in the better form: a request that names no host is 400, InvalidRequest', () => {
  verifies('PROXY-13');
  for (const nameless of [request(), request({ host: '' }), request({ version: 'HTTP/2.0', host: 'a.com' })]) {
    const error = failure(() => normalise(nameless, false));
    expect([error.status, error.reason]).toEqual([400, 'InvalidRequest']);
    expect(error.message).toMatch(
      /^invalid request: the request names no host: (Host|:authority) is missing or empty$/,
    );
  }
});

test('the host field becomes the authority, the scheme is that of the connection', () => {
  const plain = request({ host: 'A.Example.com:8080' });
  expect(normalise(plain, false)).toBe('a.example.com');
  expect([plain.authority, plain.scheme, plain.headers.has('host')]).toEqual(['a.example.com:8080', 'http', false]);
  const secure = request({ host: 'a' });
  normalise(secure, true);
  expect(secure.scheme).toBe('https');
});

test('what the request line names wins over the field', () => {
  const absolute = request({ host: 'field.test', authority: 'line.test:81', scheme: 'HTTP', path: '' });
  expect(normalise(absolute, true)).toBe('line.test');
  expect([absolute.authority, absolute.scheme, absolute.path]).toEqual(['line.test:81', 'http', '/']);
  expect(absolute.headers.has('host')).toBe(false);
});

test('CONNECT keeps its authority and has neither scheme nor path', () => {
  const connect = request({ method: 'CONNECT', authority: 'Target.test:443', path: '' });
  expect(normalise(connect, true)).toBe('target.test');
  expect([connect.authority, connect.scheme, connect.path]).toEqual(['target.test:443', '', '']);
});

describe('authorities', () => {
  test.each([
    ['a.com', 'a.com', 'a.com'],
    ['a.com.', 'a.com', 'a.com'],
    ['a.com.:80', 'a.com:80', 'a.com'],
    ['a.com:', 'a.com', 'a.com'],
    ['a.com.:', 'a.com', 'a.com'],
    ['1.2.3.4:65535', '1.2.3.4:65535', '1.2.3.4'],
    ['[::1]', '[::1]', '[::1]'],
    ['[2001:DB8::1]:8080', '[2001:db8::1]:8080', '[2001:db8::1]'],
    ['[::1]:', '[::1]', '[::1]'],
    ['under_score', 'under_score', 'under_score'],
  ])('%j is taken as %j', (given, authority, host) => {
    const taken = request({ host: given });
    expect([normalise(taken, false), taken.authority]).toEqual([host, authority]);
  });

  test.each([
    ['user@a.com', 'user information is not allowed'],
    ['user:secret@a.com', 'user information is not allowed'],
    ['a.com:80@b.com', 'user information is not allowed'],
    [':80', 'the host is empty'],
    ['.', 'the host is empty'],
    ['.:80', 'the host is empty'],
    ['a.com:0', 'the port'],
    ['a.com:65536', 'the port'],
    ['a.com:99999999999999999999', 'the port'],
    ['a.com:80a', 'the port'],
    ['a.com:-1', 'the port'],
    ['::1', 'the host is empty'],
    ['a:b:80', 'the port'],
    ['a b', 'a character'],
    ['a/b', 'a character'],
    ['a#b', 'a character'],
    ['a,b?c', 'a character'],
    ['\u00e9.com', 'a character'],
    ['[::1', 'no IPv6 address'],
    ['[1.2.3.4]', 'no IPv6 address'],
    ['[fe80::1%25eth0]', 'no IPv6 address'],
    ['[::1]x', 'text follows'],
    [`${'a'.repeat(256)}`, 'longer than 255'],
  ])('%j is refused with a reason that does not repeat it', (given, problem) => {
    const error = failure(() => normalise(request({ host: given }), false));
    expect([error.status, error.message]).toEqual([400, expect.stringContaining(problem)]);
    if (given.length > 3) expect(error.message).not.toContain(given);
  });

  test('a scheme that is not of HTTP is refused', () => {
    expect(failure(() => normalise(request({ authority: 'a', scheme: 'ftp' }), false)).status).toBe(400);
  });
});
