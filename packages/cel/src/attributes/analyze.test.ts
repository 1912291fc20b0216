import { expect, test } from 'vitest';
import { program } from '../fixtures/evaluate.ts';
import { allNeeds, Needs } from './attributes.ts';

type Need = keyof typeof Needs;

function needs(source: string): Need[] {
  const { needs: bits } = program(source).attributes;
  return (Object.keys(Needs) as Need[]).filter((name) => (bits & Needs[name]) !== 0);
}

test.each<[string, Need[]]>([
  ['1 + 2', []],
  ['request.path', ['request']],
  ['request.body', ['request', 'requestBody']],
  ['has(request.body)', ['request', 'requestBody']],
  ['request.bodyPrefix.size() > 1', ['request', 'requestBody']],
  ['json(request.body).a.b', ['request', 'requestBody']],
  ['request["body"]', ['request']],
  ['response.body', ['response', 'responseBody']],
  ['response.headers["body"]', ['response']],
  ['llm.prompt.map(p, p.role)', ['llm', 'llmPrompt']],
  ['llm.completion[0] + llm.toolCalls[0].name', ['llm', 'llmCompletion', 'llmToolCalls']],
  ['llm.inputTokens > 1u', ['llm']],
  ['llmRequest.model', ['llmRequest']],
  ['source.address in ["a"] ? jwt.sub : apiKey.id', ['source', 'jwt', 'apiKey']],
  ['{request.path: backend.name}', ['request', 'backend']],
  ['[mcp.tool.name, basicAuth.username]', ['basicAuth', 'mcp']],
  ['default(extauthz.a, extproc.b)', ['extauthz', 'extproc']],
  ['metadata.a.with(m, m + proxy.bind)', ['metadata', 'proxy']],
  ['destination.port == 1 && mcpGuardrails.a && env.podName == ""', ['destination', 'mcpGuardrails', 'env']],
  ['[1].map(request, request.body)', []],
  ['[request].exists(jwt, jwt.body)', ['request']],
  ['request.headers.filterKeys(jwt, jwt == "a")', ['request']],
  ['1.with(jwt, jwt.sub)', []],
  ['Foo{a: request.body}', ['request', 'requestBody']],
  ['unknown.body', []],
  ['requestBody', []],
  ['math.least(1, 2)', []],
])('%s', (source, expected) => {
  expect(needs(source)).toEqual(expected);
});

test('variables() needs everything', () => {
  expect(program('variables().size()').attributes.needs).toBe(allNeeds);
});

test('the paths are those of the text', () => {
  const { paths } = program('request.headers["a"] == jwt.a.b && has(jwt.c) && request.path.size() > 1').attributes;
  expect(paths).toEqual(['jwt.a.b', 'jwt.c', 'request.headers', 'request.path']);
});
