import { expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import { parseServerAddress, parseTarget } from './address.ts';

test.each([
  ['example.com:443', { host: 'example.com', port: 443 }],
  ['EXAMPLE.com.:80', { host: 'example.com', port: 80 }],
  ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
  ['[::1]:80', { host: '::1', port: 80 }],
  ['[fe80::1]:80', { host: 'fe80::1', port: 80 }],
  ['my_service:80', { host: 'my_service', port: 80 }],
  ['unix:/run/a.sock', { path: '/run/a.sock' }],
])('target %s', (text, address) => {
  expect(parseTarget(text)).toEqual(address);
});

test.each([
  'example.com',
  ':80',
  'a:b',
  'a:0',
  'a:65536',
  'a:80:90',
  '::1:80',
  '[::1]',
  '[1.2.3.4]:80',
  '300.1.1.1:80',
  'http://a:80',
  'a b:80',
  '-a:80',
  'unix:relative',
  'unix:',
])('%s is no target', (text) => {
  expect(parseTarget(text)).toBeUndefined();
});

test('CFG-47: addresses of the servers', () => {
  verifies('CFG-47');
  expect(parseServerAddress('off')).toEqual({ address: { off: true } });
  expect(parseServerAddress('unix:/tmp/a.sock')).toEqual({ address: { path: '/tmp/a.sock' } });
  expect(parseServerAddress('localhost:15000')).toEqual({ address: { hosts: ['127.0.0.1', '::1'], port: 15000 } });
  expect(parseServerAddress('10.0.0.1:0')).toEqual({ address: { hosts: ['10.0.0.1'], port: 0 } });
  expect(parseServerAddress('[::]:15020')).toEqual({ address: { hosts: ['::'], port: 15020 } });
  for (const wrong of ['15000', 'unix:', 'example.com:80', 'localhost', '']) {
    expect(parseServerAddress(wrong), wrong).toHaveProperty('error');
  }
});
