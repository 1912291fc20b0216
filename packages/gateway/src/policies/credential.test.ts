import { describe, expect, test } from 'vitest';
import {
  bearerLocation,
  compileCredential,
  compileExtraction,
  extractCredential,
  removeCredential,
} from './credential.ts';
import type { CredentialLocation } from './credential-location.ts';
import { noPorts, testExchange, testRequest } from './testing.ts';

function insert(request: ReturnType<typeof testRequest>, location: CredentialLocation, value: string): void {
  const apply = compileCredential(location, value);
  if (apply === null) throw new Error('cannot stand there');
  apply(request);
}

describe('in a header', () => {
  const withHeaders = (...headers: [string, string][]) => testRequest({ headers });

  test('the prefix is compared without case and taken off', () => {
    expect(extractCredential(withHeaders(['authorization', 'bEaReR abc']), bearerLocation)).toBe('abc');
    expect(extractCredential(withHeaders(['x-api-key', 'abc']), { header: { name: 'x-api-key' } })).toBe('abc');
  });

  test('another scheme, nothing behind the prefix, or no field is no credential', () => {
    for (const value of ['Basic abc', 'Bearer ', 'Bear', '']) {
      expect(extractCredential(withHeaders(['authorization', value]), bearerLocation)).toBeNull();
    }
    expect(extractCredential(withHeaders(), bearerLocation)).toBeNull();
  });

  test('only the first value is looked at, all are removed', () => {
    const request = withHeaders(['authorization', 'Basic x'], ['accept', '*/*'], ['authorization', 'Bearer y']);
    expect(extractCredential(request, bearerLocation)).toBeNull();
    removeCredential(request, bearerLocation);
    expect([...request.headers]).toEqual([['accept', '*/*']]);
  });

  test('inserting replaces whatever the client sent', () => {
    const request = withHeaders(['authorization', 'Bearer mine'], ['authorization', 'Bearer too']);
    insert(request, bearerLocation, 'k\u00e9y');
    expect([...request.headers]).toEqual([['authorization', 'Bearer k\u00c3\u00a9y']]);
    expect(extractCredential(request, bearerLocation)).toBe('k\u00e9y');
  });

  test('what would break the line cannot be inserted', () => {
    for (const key of ['a\nb', 'a\rb', 'a\0b']) expect(compileCredential(bearerLocation, key)).toBeNull();
  });
});

describe('in the query', () => {
  const location: CredentialLocation = { queryParameter: { name: 'api key' } };

  test('the first match counts, decoded; the others keep their bytes when it is removed', () => {
    const request = testRequest({ path: '/p?x=%41+b&api+key=a%26%2Bb&y&api%20key=second&z=%zz' });
    expect(extractCredential(request, location)).toBe('a&+b');
    removeCredential(request, location);
    expect(request.path).toBe('/p?x=%41+b&y&z=%zz');
  });

  test('the question mark goes with the last parameter', () => {
    const request = testRequest({ path: '/p?api+key=1' });
    removeCredential(request, location);
    expect(request.path).toBe('/p');
    for (const path of ['/p', '/p?', '/p?other=1']) {
      const untouched = testRequest({ path });
      expect(extractCredential(untouched, location)).toBeNull();
      removeCredential(untouched, location);
      expect(untouched.path).toBe(path);
    }
  });

  test('inserting sets it', () => {
    const request = testRequest({ path: '/p?a=1&api+key=old' });
    insert(request, location, 'n&w');
    expect(request.path).toBe('/p?a=1&api%20key=n%26w');
    const bare = testRequest({ path: '/p' });
    insert(bare, location, 'k');
    expect(bare.path).toBe('/p?api%20key=k');
  });
});

describe('in a cookie', () => {
  const location: CredentialLocation = { cookie: { name: 'token' } };

  test('the first match over all fields counts; the rest is rebuilt without it', () => {
    const request = testRequest({
      headers: [
        ['cookie', 'a=1; tokens=no'],
        ['cookie', 'token=x=y;b=2; token=z'],
      ],
    });
    expect(extractCredential(request, location)).toBe('x=y');
    removeCredential(request, location);
    expect([...request.headers]).toEqual([['cookie', 'a=1; tokens=no; b=2']]);
  });

  test('the field goes with the last cookie', () => {
    const request = testRequest({ headers: [['cookie', 'token=x']] });
    removeCredential(request, location);
    expect(request.headers.length).toBe(0);
  });

  test('inserting appends it and drops one of the same name', () => {
    const request = testRequest({ headers: [['cookie', 'token=mine; a=1']] });
    insert(request, location, 'k');
    expect(request.headers.get('cookie')).toBe('a=1; token=k');
    expect(compileCredential(location, 'a; b=1')).toBeNull();
  });
});

describe('by an expression', () => {
  const read = (source: string) => {
    const exchange = testExchange({ path: '/x?key=k', headers: [['x-key', 'k-Ã©']] });
    const shown = compileExtraction({ expression: { $cel: source } }, noPorts)(exchange);
    removeCredential(exchange.request, { expression: { $cel: source } });
    expect([exchange.request.path, exchange.request.headers.length]).toEqual(['/x?key=k', 1]);
    return shown;
  };

  test.each([
    ['request.headers["x-key"]', null],
    ['request.headers.first("x-key")', 'k-é'],
    ['request.uri', 'http://gateway.test/x?key=k'],
    ['request.pathAndQuery.query("key")[0]', 'k'],
    ['b"bytes"', 'bytes'],
    ['1', '1'],
    ['2u', '2'],
    ['true', 'true'],
    ['""', null],
    ['1.5', null],
    ['null', null],
    ['["k"]', null],
    ['jwt.sub', null],
  ])('%s is %j, and stays where it is', (source, shown) => {
    expect(read(source)).toBe(shown);
  });

  test('places are read as ever', () => {
    const extract = compileExtraction({ header: { name: 'x-key' } }, noPorts);
    expect(extract(testExchange({ headers: [['x-key', 'k']] }))).toBe('k');
  });
});
