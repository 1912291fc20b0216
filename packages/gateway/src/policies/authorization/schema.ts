import { z } from 'zod';
import { closed, exactlyOne } from '../../config/schema/closed.ts';
import { expression } from '../../config/schema/expression.ts';
import type { AuthorizationRule, AuthorizationSpec } from './spec.ts';

const rule = z.union([
  expression().transform((allow): AuthorizationRule => ({ allow })),
  closed({ allow: expression().optional(), deny: expression().optional(), require: expression().optional() }).check(
    exactlyOne(['allow', 'deny', 'require']),
  ),
]);

/** `authorization` in the file; a rule that is a text allows. */
export const authorizationSchema = closed({ rules: z.array(rule) });

/** What the file says, as a resource. */
export function authorizationSpec({ rules }: z.output<typeof authorizationSchema>): AuthorizationSpec {
  return { rules: rules as AuthorizationRule[] };
}
