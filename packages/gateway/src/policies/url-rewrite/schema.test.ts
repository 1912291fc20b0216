import { expect, test } from 'vitest';
import { urlRewriteSchema, urlRewriteSpec } from './schema.ts';

test.each([
  [{}, {}],
  [{ authority: null, path: null }, {}],
  [{ authority: 'auto' }, { authority: 'auto' }],
  [{ authority: 'none' }, { authority: 'none' }],
  [{ authority: { full: 'a.example:8443' } }, { authority: { full: 'a.example:8443' } }],
  [{ authority: { host: 'a.example' } }, { authority: { host: 'a.example' } }],
  [{ authority: { host: '[::1]' } }, { authority: { host: '[::1]' } }],
  [{ authority: { port: 1 } }, { authority: { port: 1 } }],
  [{ path: { full: '' } }, { path: { full: '' } }],
  [{ path: { prefix: '/a%20b' } }, { path: { prefix: '/a%20b' } }],
])('%j', (options, spec) => {
  expect(urlRewriteSpec(urlRewriteSchema.parse(options))).toEqual(spec);
});

test.each([
  { authority: 'keep' },
  { authority: {} },
  { authority: { host: 'a', port: 1 } },
  { authority: { port: 0 } },
  { authority: { host: 'a b' } },
  { authority: { full: 'a/b' } },
  { authority: { full: 'a\r\nb' } },
  { path: { full: '/a', prefix: '/b' } },
  { path: { full: '/a b' } },
  { path: { full: '/a?b' } },
  { path: { full: '/é' } },
])('%j is refused', (options) => {
  expect(urlRewriteSchema.safeParse(options).success).toBe(false);
});
