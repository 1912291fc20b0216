import { Headers, type Request, Response } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { testRequest } from '../policies/testing.ts';
import {
  appendRequestHeader,
  appendResponseHeader,
  applyHeaderOption,
  type HeaderOption,
  removeRequestHeader,
  removeResponseHeader,
  setRequestHeader,
  setResponseHeader,
} from './header-mutation.ts';

const lineOf = ({ method, scheme, authority, path }: Request) => `${method} ${scheme}://${authority}${path}`;

test.each([
  [':method', 'POST', 'POST http://gateway.test/'],
  [':method', 'CONNECT', null],
  [':method', 'A B', null],
  [':scheme', 'HTTPS', 'GET https://gateway.test/'],
  [':scheme', 'ftp', null],
  [':authority', 'B.test:81', 'GET http://b.test:81/'],
  ['Host', 'c.test', 'GET http://c.test/'],
  ['host', 'user@c.test', null],
  [':path', '/x?y=1', 'GET http://gateway.test/x?y=1'],
  [':path', '/x y', null],
  [':path', '/x#y', null],
  [':path', 'x', null],
  [':status', '200', null],
  [':other', 'x', null],
])('a request: %s becomes %j', (name, value, line) => {
  const request = testRequest();
  const before = lineOf(request);
  expect(setRequestHeader(request, name, value)).toBe(line !== null);
  expect(lineOf(request)).toBe(line ?? before);
  expect(request.headers.length).toBe(0);

  const other = testRequest();
  expect(appendRequestHeader(other, name, value)).toBe(line !== null);
  expect(lineOf(other)).toBe(line ?? before);
});

test('an authority on a request that names no scheme makes it http', () => {
  const request = testRequest({ scheme: '', authority: '' });
  setRequestHeader(request, ':authority', 'a.test');
  expect(lineOf(request)).toBe('GET http://a.test/');
});

test('fields are set, appended and removed, in any case; nothing unsendable gets in', () => {
  const request = testRequest({ headers: [['x-a', '1']] });
  expect(appendRequestHeader(request, 'X-A', '2')).toBe(true);
  expect(request.headers.getAll('x-a')).toEqual(['1', '2']);
  expect(setRequestHeader(request, 'X-a', 'é')).toBe(true);
  expect(setRequestHeader(request, 'x-a', 'one\r\ntwo: 2')).toBe(false);
  expect(setRequestHeader(request, 'x-a', '€')).toBe(false);
  expect(appendRequestHeader(request, 'x a', 'v')).toBe(false);
  expect([...request.headers]).toEqual([['x-a', 'é']]);
  expect(removeRequestHeader(request, 'X-A')).toBe(true);
  expect(removeRequestHeader(request, ':path')).toBe(false);
  expect(removeRequestHeader(request, 'host')).toBe(false);
  expect(lineOf(request)).toBe('GET http://gateway.test/');
});

test('a response: its status, and host as a field', () => {
  const response = new Response(200, new Headers(), null);
  expect(setResponseHeader(response, ':status', '418')).toBe(true);
  expect(appendResponseHeader(response, ':status', '404')).toBe(true);
  for (const wrong of ['101', '199', '1000', 'ok', '', '2e2']) {
    expect(setResponseHeader(response, ':status', wrong)).toBe(false);
  }
  expect(setResponseHeader(response, ':path', '/')).toBe(false);
  setResponseHeader(response, 'Host', 'h');
  appendResponseHeader(response, 'set-cookie', 'a=1');
  appendResponseHeader(response, 'set-cookie', 'b=2');
  expect([response.status, ...response.headers]).toEqual([
    404,
    ['host', 'h'],
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
  ]);
  expect(removeResponseHeader(response, 'SET-COOKIE')).toBe(true);
  expect(removeResponseHeader(response, ':status')).toBe(false);

  const switching = new Response(101, new Headers(), null);
  expect(setResponseHeader(switching, ':status', '200')).toBe(false);
});

const onField = (option: Omit<HeaderOption, 'header'>, had: boolean) => {
  const response = new Response(200, had ? Headers.of(['x', 'old']) : new Headers(), null);
  expect(applyHeaderOption(response, { header: { key: 'X', value: 'new' }, ...option })).toBe(true);
  return response.headers.getAll('x').join();
};

test.each<[Omit<HeaderOption, 'header'>, string, string]>([
  [{}, 'new', 'new'],
  [{ append: false }, 'new', 'new'],
  [{ append: true }, 'old,new', 'new'],
  [{ append: true, appendAction: 1 }, 'old', 'new'],
  [{ append: true, appendAction: 2 }, 'new', 'new'],
  [{ appendAction: 3 }, 'new', ''],
  [{ appendAction: 7 }, 'old,new', 'new'],
])('an option %j: over a value, and where there is none', (option, over, alone) => {
  expect([onField(option, true), onField(option, false)]).toEqual([over, alone]);
});

test('an option holds bytes or a text, and one without either is not carried out', () => {
  const request = testRequest();
  const raw = Buffer.from([0x61, 0xff]);
  expect(applyHeaderOption(request, { header: { key: 'x-raw', value: 'text', rawValue: raw } })).toBe(true);
  expect(applyHeaderOption(request, { header: { key: 'x-text', value: 'é', rawValue: Buffer.alloc(0) } })).toBe(true);
  expect(applyHeaderOption(request, { header: { key: 'x-none', value: '' } })).toBe(false);
  expect(applyHeaderOption(request, { header: { key: 'x-none', value: 'a\nb' } })).toBe(false);
  expect(applyHeaderOption(request, {})).toBe(false);
  expect([...request.headers]).toEqual([
    ['x-raw', 'aÿ'],
    ['x-text', 'Ã©'],
  ]);
});

test('options on the first line: it is always there', () => {
  const request = testRequest();
  applyHeaderOption(request, { header: { key: ':path', value: '/no' }, appendAction: 1 });
  applyHeaderOption(request, { header: { key: 'host', value: 'no.test' }, appendAction: 1 });
  applyHeaderOption(request, { header: { key: ':method', value: 'PUT' }, appendAction: 3 });
  applyHeaderOption(request, { header: { key: 'Host', value: 'x.test' }, append: true });
  expect([lineOf(request), request.headers.length]).toEqual(['PUT http://x.test/', 0]);
});
