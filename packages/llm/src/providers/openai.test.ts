import { expect, test } from 'vitest';
import type { RouteType } from '../route-type.ts';
import { openAI } from './openai.ts';
import type { PathOptions } from './provider.ts';

function path(type: RouteType, clientPath: string, options: Partial<PathOptions> = {}): string {
  return openAI.path(type, clientPath, { hostOverride: false, ...options });
}

test('LLM-1: any path becomes the path of the API', () => {
  expect(path('completions', '/anything')).toBe('/v1/chat/completions');
  expect(openAI.host).toBe('api.openai.com');
});

test('each route type has its own path', () => {
  expect(path('responses', '/x')).toBe('/v1/responses');
  expect(path('embeddings', '/x')).toBe('/v1/embeddings');
  expect(path('rerank', '/x')).toBe('/v1/rerank');
  expect(path('realtime', '/x?model=m')).toBe('/v1/realtime?model=m');
});

test('LLM-2: another host leaves the path, a prefix takes the base, an override takes everything', () => {
  const client = '/v1/messages?trace=x';
  const hostOverride = true;
  expect(path('completions', client, { hostOverride })).toBe(client);
  expect(path('completions', client, { hostOverride, pathPrefix: '/v1/custom/' })).toBe(
    '/v1/custom/chat/completions?trace=x',
  );
  expect(path('completions', client, { hostOverride, pathOverride: '/p' })).toBe('/p');
  expect(path('passthrough', client, { pathOverride: '/p' })).toBe('/p');
});

test('LLM-3: passing through, a prefix takes the place of /v1 as a whole segment', () => {
  const options = { hostOverride: true, pathPrefix: '/openai/v1' };
  expect(path('passthrough', '/v1/models?foo=bar', options)).toBe('/openai/v1/models?foo=bar');
  expect(path('passthrough', '/foo', options)).toBe('/openai/v1/foo');
  expect(path('passthrough', '/v1beta/x', options)).toBe('/openai/v1/v1beta/x');
  expect(path('passthrough', '/v1?x', options)).toBe('/openai/v1?x');
  expect(path('passthrough', '/v1/models')).toBe('/v1/models');
});
