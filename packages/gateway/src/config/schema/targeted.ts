import { z } from 'zod';
import { closed, exactlyOne, maybe, refuseForNow } from './closed.ts';
import { name, u16 } from './fields.ts';
import { routePolicySchema } from './policies.ts';

const text = z.string();

const gateway = closed({
  gatewayName: name(),
  gatewayNamespace: text,
  listenerName: maybe(name()),
  port: maybe(u16()),
}).check((context) => {
  const { listenerName, port } = context.value;
  if (context.issues.length > 0 || listenerName == null || port == null) return;
  const message = 'gateway policy target cannot set both listener_name and port';
  context.issues.push({ code: 'custom', input: context.value, message, params: { at: 'key' } });
});

const notBuilt = z.unknown().check((context) => refuseForNow(context));

const target = closed({
  gateway: gateway.optional(),
  route: closed({ name: name(), namespace: text, ruleName: maybe(name()), kind: maybe(text) }).optional(),
  backend: z
    .union([
      z.literal('invalid'),
      closed({ backend: closed({ name: name(), namespace: text, section: maybe(name()) }) }, ['service']),
    ])
    .optional(),
  listenerSet: notBuilt.optional(),
}).check(exactlyOne(['gateway', 'route', 'backend', 'listenerSet']));

/** `policies[]` (spec 01 §2.13): one policy, and what it is for. */
export const targetedPolicySchema = closed({
  name: closed({ name: name(), namespace: text }),
  target,
  phase: z.enum(['route', 'gateway']).default('route'),
  policy: routePolicySchema,
});

export type TargetedPolicyConfig = z.output<typeof targetedPolicySchema>;
