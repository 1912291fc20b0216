import { expect, test } from 'vitest';
import { RouteTypes } from './route-type.ts';

test('LLM-4: the longest suffix of the path decides, then the star, then completions', () => {
  const types = new RouteTypes({ '/completions': 'completions', '/v1/messages': 'messages', '*': 'passthrough' });
  expect(types.of('/api/completions')).toBe('completions');
  expect(types.of('/v1/messages')).toBe('messages');
  expect(types.of('/v1/models')).toBe('passthrough');
  expect(new RouteTypes().of('/v1/models')).toBe('completions');
  expect(new RouteTypes({ '/messages': 'messages', '/v1/messages': 'detect' }).of('/x/v1/messages')).toBe('detect');
});

test('LLM-5: neighbouring suffixes are independent, and the query never takes part', () => {
  const types = new RouteTypes({ ':streamGenerateContent': 'generateContent', ':generateContent': 'detect' });
  expect(types.of('/v1/models/m:streamGenerateContent?alt=sse')).toBe('generateContent');
  expect(types.of('/v1/models/m:generateContent')).toBe('detect');
  expect(types.of('/x?a=:generateContent')).toBe('completions');
});
