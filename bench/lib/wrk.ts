import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, scratch } from './processes.ts';

/** What one run of the driver saw. */
export interface Load {
  /** Answers per second, every one of them held against what was expected. */
  readonly rate: number;
  /** How many there were. */
  readonly answers: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
}

/**
 * Drives a URL for some seconds over some connections; every answer is checked.
 *
 * @throws Error if a single answer was wrong or failed.
 */
export async function drive(
  core: number,
  url: string,
  options: {
    readonly connections: number;
    readonly seconds: number;
    readonly expect: string;
    readonly body?: string;
    readonly headers?: Readonly<Record<string, string>>;
  },
): Promise<Load> {
  writeFileSync(scratch('expect'), options.expect);
  if (options.body !== undefined) writeFileSync(scratch('body'), options.body);
  const child = spawn(
    'taskset',
    [
      '-c',
      `${core}`,
      'wrk',
      '-t1',
      `-c${options.connections}`,
      `-d${options.seconds}s`,
      '-s',
      join(root, 'bench', 'check.lua'),
      url,
    ],
    {
      env: {
        ...process.env,
        EXPECT_FILE: scratch('expect'),
        ...(options.body === undefined ? {} : { BODY_FILE: scratch('body') }),
        HEADERS: Object.entries(options.headers ?? {})
          .map(([name, value]) => `${name}: ${value}`)
          .join('\n'),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  await once(child, 'close');
  const result = JSON.parse(text.trim().split('\n').at(-1) ?? '') as {
    requests: number;
    duration: number;
    checked: number;
    wrong: number;
    errors: number;
    p50: number;
    p99: number;
  };
  if (result.wrong > 0 || result.errors > 0 || result.checked === 0) {
    throw new Error(`${url}: ${result.wrong} wrong answers, ${result.errors} errors, ${result.checked} checked`);
  }
  return { rate: result.checked / (result.duration / 1e6), answers: result.checked, p50: result.p50, p99: result.p99 };
}
