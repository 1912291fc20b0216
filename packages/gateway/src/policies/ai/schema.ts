import { z } from 'zod';
import { closed } from '../../config/schema/closed.ts';
import { notYet } from '../../config/schema/not-yet.ts';
import type { AiPolicySpec, RouteType } from './spec.ts';

const routeTypes = [
  'completions',
  'messages',
  'models',
  'passthrough',
  'detect',
  'responses',
  'embeddings',
  'realtime',
  'anthropicTokenCount',
  'generateContent',
  'geminiCountTokens',
  'rerank',
] as const satisfies readonly RouteType[];

/** `ai` in the file (spec 05 §2.3). */
export const aiPolicySchema = closed(
  {
    routes: z
      .record(z.string(), z.enum(routeTypes))
      .default({})
      .describe('Path suffix to kind of endpoint; * is the rest.'),
  },
  notYet.ai,
);

/** What the file says, as a resource. */
export function aiPolicySpec(options: z.output<typeof aiPolicySchema>): AiPolicySpec {
  return { routes: options.routes };
}
