import { z } from 'zod';
import { closed, exactlyOne, maybe } from './closed.ts';
import { name, target, u32 } from './fields.ts';
import { notYet } from './not-yet.ts';
import { backendPolicySchema } from './policies.ts';

const provider = closed({ openAI: closed({ model: maybe(name()) }, notYet.openAI).optional() }, notYet.providers).check(
  exactlyOne(['openAI']),
);

const providerFields = {
  name: name(),
  provider,
  hostOverride: maybe(target()),
  pathOverride: maybe(z.string().startsWith('/', 'must start with /')),
  pathPrefix: maybe(z.string().startsWith('/', 'must start with /')),
  policies: maybe(backendPolicySchema),
};

const namedProviderSchema = closed(providerFields, notYet.aiProvider);

const groups = closed({
  groups: z.array(closed({ providers: z.array(namedProviderSchema).min(1) })).min(1),
});

/** `ai` (spec 05 §2.1): one provider, or groups of them in order of priority. The one key `groups` decides. */
const aiSchema = z.unknown().transform((value, context) => {
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  const schema = keys.length === 1 && keys[0] === 'groups' ? groups : namedProviderSchema;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) context.issues.push(issue as z.core.$ZodRawIssue);
  return z.NEVER;
});

/** `backends[]` (spec 01 §2.8). */
export const namedBackendSchema = closed(
  {
    name: name(),
    policies: maybe(backendPolicySchema),
    host: target().optional(),
    ai: aiSchema.optional(),
  },
  notYet.namedBackend,
).check(exactlyOne(['host', 'ai']));

/** `backends[]` of a route (spec 01 §2.7). */
export const routeBackendSchema = closed(
  {
    weight: maybe(u32()),
    policies: maybe(backendPolicySchema),
    host: target().optional(),
    backend: name().optional(),
    ai: aiSchema.optional(),
    dynamic: closed({}, notYet.dynamic).optional(),
    invalid: z.null().optional(),
  },
  notYet.routeBackend,
).check(exactlyOne(['host', 'backend', 'ai', 'dynamic', 'invalid']));

export type NamedProvider = z.output<typeof namedProviderSchema>;
export type Ai = z.output<typeof aiSchema>;
export type NamedBackend = z.output<typeof namedBackendSchema>;
export type RouteBackendConfig = z.output<typeof routeBackendSchema>;
