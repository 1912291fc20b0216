import { z } from 'zod';
import { present } from '../../config/present.ts';
import { closed, maybe } from '../../config/schema/closed.ts';
import { uint } from '../../config/schema/fields.ts';
import type { BufferBodySpec, BufferSpec } from './spec.ts';

const body = closed({
  maxBytes: maybe(uint()),
  failureMode: z
    .enum(['failClosed', 'failOpen'])
    .default('failClosed')
    .describe('What becomes of a longer body: refused, or sent on as it comes.'),
});

/** `buffer` in the file (spec 02 §3.14). */
export const bufferSchema = closed({ request: maybe(body), response: maybe(body) });

/** What the file says, as a resource. */
export function bufferSpec({ request, response }: z.output<typeof bufferSchema>): BufferSpec {
  return present({ request: bodySpec(request), response: bodySpec(response) });
}

function bodySpec(options: z.output<typeof body> | null | undefined): BufferBodySpec | undefined {
  if (options == null) return undefined;
  return { failureMode: options.failureMode, ...present({ maxBytes: options.maxBytes ?? undefined }) };
}
