import type { Headers } from '@agentgateway/http';
import { parseAuthority } from '../../pipeline/authority.ts';
import { GatewayError } from '../../pipeline/errors.ts';
import { isFieldValue } from '../../pipeline/header-mutation.ts';
import type { ResponseStep, Step } from '../../pipeline/step.ts';
import { toBytes } from '../../resources/routing/text.ts';
import type { HeaderModifierSpec } from './spec.ts';

/**
 * `requestHeaderModifier` (spec 02 §3.7): adds, sets, removes, in this order. A request has no `host` field any more: adding or
 * setting it changes the authority, removing it changes nothing.
 *
 * The step fails with `filtersFailed` where the policy holds a name or a value that cannot be sent.
 */
export function compileRequestHeaderModifier(spec: HeaderModifierSpec): Step {
  const problem = problemOf(spec);
  if (problem !== null) return () => new GatewayError('filtersFailed', { detail: problem });
  const named = [...spec.add, ...spec.set].findLast(([name]) => name === 'host');
  const apply = compileModifier({
    add: spec.add.filter(([name]) => name !== 'host'),
    set: spec.set.filter(([name]) => name !== 'host'),
    remove: spec.remove.filter((name) => name !== 'host'),
  });
  if (named === undefined) {
    return ({ request }) => {
      apply(request.headers);
      return undefined;
    };
  }
  const parsed = parseAuthority(named[1]);
  if ('problem' in parsed) {
    const detail = `invalid value of host: ${parsed.problem}`;
    return () => new GatewayError('filtersFailed', { detail });
  }
  const { authority } = parsed;
  return ({ request }) => {
    request.authority = authority;
    apply(request.headers);
    return undefined;
  };
}

/** `responseHeaderModifier`: the same on a response, where `host` is a field like any other. */
export function compileResponseHeaderModifier(spec: HeaderModifierSpec): ResponseStep {
  const problem = problemOf(spec);
  if (problem !== null) return () => new GatewayError('filtersFailed', { detail: problem });
  const apply = compileModifier(spec);
  return (_exchange, response) => {
    apply(response.headers);
    return undefined;
  };
}

function compileModifier({ add, set, remove }: HeaderModifierSpec): (headers: Headers) => void {
  const added = add.map(([name, value]) => [name, toBytes(value)] as const);
  const replaced = set.map(([name, value]) => [name, toBytes(value)] as const);
  return (headers) => {
    for (const [name, value] of added) headers.append(name, value);
    for (const [name, value] of replaced) headers.set(name, value);
    for (const name of remove) headers.delete(name);
  };
}

function problemOf({ add, set, remove }: HeaderModifierSpec): string | null {
  for (const [name, value] of [...add, ...set]) {
    if (!isFieldName(name)) return `invalid header name ${JSON.stringify(name)}`;
    if (!isFieldValue(toBytes(value))) return `invalid value of header ${name}`;
  }
  const wrong = remove.find((name) => !isFieldName(name));
  return wrong === undefined ? null : `invalid header name ${JSON.stringify(wrong)}`;
}

/** A token (RFC 9110 §5.1), in lower case as the model keeps it. */
function isFieldName(name: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name);
}
