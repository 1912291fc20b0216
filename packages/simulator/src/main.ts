import { simulate } from './cli.ts';

const started = await simulate(process.argv.slice(2), (text) => process.stdout.write(text));
if ('exitCode' in started) process.exitCode = started.exitCode;
else for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void started.close());
