import { expect, test } from 'vitest';
import { simulate } from './cli.ts';

async function run(...argv: string[]) {
  let output = '';
  const result = await simulate(argv, (text) => {
    output += text;
  });
  if (!('exitCode' in result)) await result.close();
  return { output, result };
}

test('help is help', async () => {
  const { output, result } = await run('--help');
  expect(result).toEqual({ exitCode: 0 });
  expect(output).toContain('x-sim-fault');
});

test('says where it listens and which key is good', async () => {
  const { output } = await run(
    '--port',
    '0',
    '--key',
    'k1',
    '--tokens-per-second',
    '50',
    '--usage',
    'last',
    '--model',
    'm',
  );
  expect(output).toMatch(/^simulator listening on http:\/\/127\.0\.0\.1:\d+, key k1\n$/);
});

test.each([['--port', 'x'], ['--usage', 'never'], ['--nonsense']])('refuses %s %s', async (...argv) => {
  const { output, result } = await run(...argv.filter((arg) => arg !== undefined));
  expect(result).toEqual({ exitCode: 2 });
  expect(output).toContain('--help');
});
