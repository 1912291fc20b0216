import { Headers, Request } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import { stripRequestHopByHop, stripResponseHopByHop } from './hop-by-hop.ts';

function strip(fields: [string, string][], version: Request['version'] = 'HTTP/1.1') {
  const request = new Request('GET', 'http', 'a', '/', version, Headers.of(...fields), null);
  const upgrade = stripRequestHopByHop(request);
  return { fields: [...request.headers], upgrade };
}

test('PROXY-54: what Connection names and what is always for one hop goes no further', () => {
  verifies('PROXY-54');
  const { fields, upgrade } = strip([
    ['connection', 'x-a, X-B'],
    ['x-a', '1'],
    ['accept', '*/*'],
    ['x-b', '1'],
    ['connection', 'keep-alive ,, x-c'],
    ['x-c', '1'],
    ['x-c', '2'],
    ['te', 'gzip, Trailers;q=0.5'],
    ['keep-alive', 'timeout=5'],
    ['proxy-connection', 'keep-alive'],
    ['transfer-encoding', 'chunked'],
    ['proxy-authenticate', 'Basic'],
    ['trailer', 'x-t'],
    ['proxy-authorization', 'Basic eA=='],
    ['x-d', '1'],
  ]);
  expect(fields).toEqual([
    ['accept', '*/*'],
    ['proxy-authorization', 'Basic eA=='],
    ['x-d', '1'],
    ['te', 'trailers'],
  ]);
  expect(upgrade).toBeNull();
});

test('te without trailers goes', () => {
  expect(strip([['te', 'gzip']]).fields).toEqual([]);
});

test('a message without such fields is left as it is', () => {
  const fields: [string, string][] = [
    ['accept', '*/*'],
    ['user-agent', 'x'],
    ['content-type', 'text/plain'],
    ['content-length', '3'],
  ];
  expect(strip(fields)).toEqual({ fields, upgrade: null });
});

test('an upgrade that was asked for properly is put back', () => {
  expect(
    strip([
      ['connection', 'keep-alive, Upgrade'],
      ['upgrade', 'websocket'],
      ['keep-alive', 'x'],
    ]),
  ).toEqual({
    fields: [
      ['connection', 'upgrade'],
      ['upgrade', 'websocket'],
    ],
    upgrade: 'websocket',
  });
});

test('one that was not asked for properly is dropped', () => {
  expect(strip([['upgrade', 'websocket']])).toEqual({ fields: [], upgrade: null });
  expect(strip([['connection', 'upgrade']])).toEqual({ fields: [], upgrade: null });
  const asked: [string, string][] = [
    ['connection', 'upgrade'],
    ['upgrade', 'websocket'],
  ];
  expect(strip(asked, 'HTTP/1.0')).toEqual({ fields: [], upgrade: null });
});

test('a response loses them too, unless it upgrades', () => {
  const fields: [string, string][] = [
    ['connection', 'x-a'],
    ['x-a', '1'],
    ['keep-alive', 'timeout=5'],
    ['upgrade', 'h2c'],
    ['proxy-authenticate', 'Basic'],
    ['trailer', 'x-t'],
    ['set-cookie', 'a=1'],
  ];
  const ordinary = Headers.of(...fields);
  stripResponseHopByHop(200, ordinary);
  expect([...ordinary]).toEqual([
    ['trailer', 'x-t'],
    ['set-cookie', 'a=1'],
  ]);
  const switching = Headers.of(...fields);
  stripResponseHopByHop(101, switching);
  expect([...switching]).toEqual(fields);
});
