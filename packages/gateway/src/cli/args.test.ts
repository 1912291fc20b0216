import { expect, test } from 'vitest';
import { verifies } from '../../test/verifies.ts';
import { HELP, parseArgs } from './args.ts';

test.each([
  [[], { type: 'run', validateOnly: false }],
  [['-f', 'a.yaml'], { type: 'run', source: { type: 'file', path: 'a.yaml' }, validateOnly: false }],
  [['--file=a=b.yaml'], { type: 'run', source: { type: 'file', path: 'a=b.yaml' }, validateOnly: false }],
  [['-fa.yaml', '--validate-only'], { type: 'run', source: { type: 'file', path: 'a.yaml' }, validateOnly: true }],
  [['-f', '-'], { type: 'run', source: { type: 'stream', path: '/dev/stdin', label: '<stdin>' }, validateOnly: false }],
  [
    ['-f', '/dev/stdin'],
    { type: 'run', source: { type: 'stream', path: '/dev/stdin', label: '<stdin>' }, validateOnly: false },
  ],
  [
    ['-f', '/dev/fd/5'],
    { type: 'run', source: { type: 'stream', path: '/dev/fd/5', label: '/dev/fd/5' }, validateOnly: false },
  ],
  [['-c', '{}'], { type: 'run', source: { type: 'text', text: '{}', label: '--config' }, validateOnly: false }],
  [
    ['--config={"a": "b=c"}'],
    { type: 'run', source: { type: 'text', text: '{"a": "b=c"}', label: '--config' }, validateOnly: false },
  ],
  [['-V'], { type: 'version', full: false }],
  [['--version'], { type: 'version', full: true }],
  [['-h'], { type: 'help' }],
  [['simulate', '--port', '1'], { type: 'command', name: 'simulate', args: ['--port', '1'] }],
])('CFG-58: %j', (args, command) => {
  verifies('CFG-58');
  expect(parseArgs(args, ['simulate'])).toEqual(command);
});

test.each([
  [['--config', '{}', '--file', 'x'], 'only one of --config or --file'],
  [['--fiel', 'x'], 'unknown option --fiel; did you mean --file?'],
  [['--validateonly'], 'unknown option --validateonly; did you mean --validate-only?'],
  [['--frobnicate'], 'unknown option --frobnicate;'],
  [['-f'], '-f needs a value'],
  [['-f', 'a', '-f', 'b'], '-f is given twice'],
  [['--validate-only=yes'], '--validate-only takes no value'],
  [['-f', 'a', 'b'], 'unexpected argument b'],
  [['gateway.yaml'], 'unexpected argument gateway.yaml; a configuration file is given with -f gateway.yaml'],
  [['migrate'], 'not supported yet: command migrate'],
  [['oneshot', '--', 'ls'], 'not supported yet: command oneshot'],
  [['import'], 'not supported yet: command import'],
  [['config'], 'not supported yet: command config'],
  [['explain'], 'not supported yet: command explain'],
  [['simulat'], 'unknown command simulat; did you mean simulate?'],
])('%j is refused: %s', (args, message) => {
  const command = parseArgs(args, ['simulate']);
  expect(command.type === 'usage' && command.message).toContain(message);
});

test('a command that nobody carries out is refused by name', () => {
  expect(parseArgs(['simulate'])).toEqual({ type: 'usage', message: 'not supported yet: command simulate' });
});

test('help shows every option', () => {
  for (const option of ['--file', '--config', '--validate-only', '-V', '--version', '--help'])
    expect(HELP).toContain(option);
});
