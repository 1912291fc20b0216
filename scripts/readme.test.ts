import { readFileSync } from 'node:fs';
import { compileRegex } from '@agentgateway/regex';
import { expect, test } from 'vitest';
import { formatErrors, loadConfig } from '../packages/gateway/src/config/index.ts';

test('the configuration in the README is one that the gateway takes', async () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const snippets = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] as string);
  expect(snippets.length).toBeGreaterThan(0);
  for (const text of snippets) {
    const env = { CLIENT_KEY: 'a', OPENAI_API_KEY: 'b' };
    const loaded = await loadConfig({ text, file: 'README.md', env, compileRegex });
    expect(loaded.ok ? '' : formatErrors(loaded.errors)).toBe('');
  }
});
