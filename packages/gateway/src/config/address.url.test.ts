import { expect, test } from 'vitest';
import { parseTargetOrUrl } from './address.ts';

test.each([
  ['a.test:4317', { address: { host: 'a.test', port: 4317 }, tls: false }],
  ['unix:/run/s', { address: { path: '/run/s' }, tls: false }],
  ['http://a.test', { address: { host: 'a.test', port: 80 }, tls: false }],
  ['https://a.test/', { address: { host: 'a.test', port: 443 }, tls: true }],
  ['HTTPS://A.test:8443', { address: { host: 'a.test', port: 8443 }, tls: true }],
  ['https://[::1]:1', { address: { host: '::1', port: 1 }, tls: true }],
  ['https://[::1]', { address: { host: '::1', port: 443 }, tls: true }],
  ['a.test', { error: 'backend URL must include a scheme, or a port as in host:port' }],
  ['ftp://a.test', { error: 'backend URL scheme must be http or https' }],
  ['https://a.test/v1', { error: 'backend URL paths are not supported' }],
  ['https://user@a.test', { error: 'not the URL of a host; write https://host[:port]' }],
  ['https://', { error: 'not the URL of a host; write https://host[:port]' }],
])('%s', (text, parsed) => {
  expect(parseTargetOrUrl(text)).toEqual(parsed);
});
