import { readdirSync, readFileSync } from 'node:fs';
import { compileRegex } from '@agentgateway/regex';
import { expect, test } from 'vitest';
import { formatErrors, loadConfig } from '../packages/gateway/src/config/index.ts';
import { phases } from '../packages/gateway/src/pipeline/phases.ts';

const read = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
const pages = readdirSync(new URL('../docs', import.meta.url)).map((name) => `docs/${name}`);

/** The configurations of a page: those that say where they listen; others are parts of one. */
function configurations(page: string): string[] {
  return [...read(page).matchAll(/```yaml\n([\s\S]*?)```/g)]
    .map((match) => match[1] as string)
    .filter((text) => /^(?:gateways|binds):/m.test(text));
}

test.each(['README.md', ...pages].filter((page) => configurations(page).length > 0))(
  'the configurations in %s are ones that the gateway takes',
  async (page) => {
    for (const text of configurations(page)) {
      const env = { CLIENT_KEY: 'a', OPENAI_API_KEY: 'b', OIDC_COOKIE_SECRET: 'ab'.repeat(32) };
      const loaded = await loadConfig({ text, file: page, env, compileRegex });
      expect(loaded.ok ? '' : formatErrors(loaded.errors)).toBe('');
    }
  },
);

test('the order in docs/policies.md is the one that requests go through', () => {
  const [, table = ''] = /<!-- order -->\n([\s\S]*?)<!-- \/order -->/.exec(read('docs/policies.md')) ?? [];
  const kinds = (phase: string) => {
    const row = table.split('\n').find((line) => line.startsWith(`| ${phase},`)) ?? '';
    return [...row.matchAll(/`(\w+)`/g)].map((match) => match[1]);
  };
  for (const [phase, order] of Object.entries(phases)) {
    // No policy, but a place in the order.
    expect(kinds(phase)).toEqual(order.filter((kind) => kind !== 'loginCookies'));
  }
});

test('every page of docs/ stands in its index, and every link leads somewhere', () => {
  const index = read('docs/README.md');
  for (const page of pages.filter((name) => name.endsWith('.md') && name !== 'docs/README.md'))
    expect(index).toContain(`(${page.slice('docs/'.length)})`);
  for (const page of pages.filter((name) => name.endsWith('.md'))) {
    const links = [...read(page).matchAll(/\]\(([\w-]+\.md)\)/g)].map((match) => `docs/${match[1]}`);
    expect(links.filter((link) => !pages.includes(link))).toEqual([]);
  }
});

test('CONTRIBUTING.md gives a reason for every dependency', () => {
  const reasons = read('CONTRIBUTING.md');
  const files = [
    'package.json',
    ...readdirSync(new URL('../packages', import.meta.url)).map((name) => `packages/${name}/package.json`),
  ];
  const named = files.flatMap((file) => {
    const { dependencies = {}, devDependencies = {}, optionalDependencies = {} } = JSON.parse(read(file));
    return Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies });
  });
  const missing = named.filter((name) => !name.startsWith('@agentgateway/') && !reasons.includes(`\`${name}\``));
  expect(missing).toEqual([]);
});
