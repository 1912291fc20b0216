import { compileRegex } from '@agentgateway/regex';
import { defaultSource } from '../config/sources.ts';
import { HELP, parseArgs } from './args.ts';
import { run } from './run.ts';
import { validate } from './validate.ts';
import { buildInfo, VERSION } from './version.ts';

/** Carries out a command line; resolves with the exit code: 0, 1 for a failure, 2 for a command line that makes no sense. */
export async function main(args: readonly string[]): Promise<number> {
  const command = parseArgs(args, ['simulate']);
  switch (command.type) {
    case 'help':
      process.stdout.write(HELP);
      return 0;
    case 'version':
      process.stdout.write(`${command.full ? JSON.stringify(buildInfo(), null, 2) : VERSION}\n`);
      return 0;
    case 'usage':
      process.stderr.write(`${command.message}\n`);
      return 2;
    case 'command':
      return playProvider(command.args);
    case 'run': {
      if (command.validateOnly) {
        const { exitCode, text, warnings } = await validate(command.source, process.env, compileRegex);
        for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
        (exitCode === 0 ? process.stdout : process.stderr).write(`${text}\n`);
        return exitCode;
      }
      if (command.source !== undefined) return run(command.source);
      const found = defaultSource(process.env);
      if ('error' in found) {
        process.stderr.write(`${found.error}\n`);
        return 1;
      }
      return run(found.source);
    }
  }
}

/** `simulate`: plays a provider's API until it is told to end. */
async function playProvider(args: readonly string[]): Promise<number> {
  const { simulate } = await import('@agentgateway/simulator');
  const started = await simulate(args, (text) => process.stdout.write(text));
  if ('exitCode' in started) return started.exitCode;
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  await started.close();
  return 0;
}
