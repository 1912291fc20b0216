import type { Activation, Program } from '@agentgateway/cel';
import type { Expression } from '../../resources/model.ts';
import type { AuthorizationSpec } from './spec.ts';

/**
 * Compiles rules to one decision (spec 03 §5.1): no rule at all allows; a deny that holds denies; every require must hold; and where
 * there are allow rules, one of them must.
 *
 * A deny whose expression fails, or gives no bool, denies: nobody can say that it does not hold.
 */
export function compileRules(
  { rules }: AuthorizationSpec,
  compile: (expression: Expression) => Program,
): (variables: Activation) => boolean {
  const denies: Program[] = [];
  const requires: Program[] = [];
  const allows: Program[] = [];
  for (const rule of rules) {
    if ('deny' in rule) denies.push(compile(rule.deny));
    else if ('require' in rule) requires.push(compile(rule.require));
    else allows.push(compile(rule.allow));
  }
  return (variables) => {
    for (const program of denies) if (program.evaluate(variables) !== false) return false;
    for (const program of requires) if (!program.test(variables)) return false;
    if (allows.length === 0) return true;
    for (const program of allows) if (program.test(variables)) return true;
    return false;
  };
}
