import { z } from 'zod';

const MILLISECONDS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const term = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** What a duration text means, or why it means nothing. */
export type ParsedDuration = { readonly ms: number } | { readonly error: string };

/** Reads a duration as Go writes it: `1h30m`, `1.5s`, `250ms`, `0`; the result is in milliseconds (spec 01 §2.2). */
export function parseDuration(text: string): ParsedDuration {
  if (text === '0') return { ms: 0 };
  if (text.startsWith('-')) return { error: 'negative string not allowed in a duration' };
  if (/^\d*\.?\d+$/.test(text)) return { error: 'missing unit in duration; write for example 5s, 250ms or 1h30m' };
  let ms = 0;
  let at = 0;
  while (at < text.length) {
    term.lastIndex = at;
    const match = term.exec(text);
    if (match === null) break;
    ms += Number(match[1]) * MILLISECONDS[match[2]!]!;
    at = term.lastIndex;
  }
  if (text === '' || at < text.length || !Number.isFinite(ms)) {
    return { error: 'expected a duration such as 5s, 250ms or 1h30m' };
  }
  return { ms };
}

/** Field that holds a duration; its output is in milliseconds. */
export function duration() {
  return z
    .string({
      error: ({ input }) =>
        input === undefined ? undefined : 'expected a duration as a string such as "5s", "250ms" or "1h30m"',
    })
    .transform((text, context) => {
      const parsed = parseDuration(text);
      if ('ms' in parsed) return parsed.ms;
      context.addIssue({ code: 'custom', message: parsed.error });
      return z.NEVER;
    });
}
