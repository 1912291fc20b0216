import type { Callout } from '../../pipeline/callout.ts';
import type { Ports } from '../../pipeline/step.ts';
import type { Check } from './check.ts';
import { Late } from './late.ts';
import type { ExtAuthzSpec, GrpcCheckSpec } from './spec.ts';
import type * as Values from './values.ts';

/**
 * Asks over gRPC (spec 03 §5.2): `envoy.service.auth.v3.Authorization`. Its messages are loaded only where it is spoken.
 *
 * @param values Null where nothing has an expression.
 */
export function compileGrpcCheck(
  { context, metadata }: GrpcCheckSpec,
  policy: ExtAuthzSpec,
  service: Callout,
  ports: Ports,
  values: Late<typeof Values> | null,
): Check {
  const packAsBytes = policy.includeRequestBody?.packAsBytes === true;
  const shown = { headers: policy.includeRequestHeaders, context, packAsBytes };
  const programs =
    metadata && Object.entries(metadata).map(([name, value]) => [name, ports.expression(value)] as const);
  const code = new Late(async () => {
    const { GrpcCheck } = await import('./grpc-check.ts');
    return new GrpcCheck(service, shown, ports.log);
  });

  return async (exchange, body) => {
    const check = code.value ?? (await code.loading);
    if (programs === undefined) return check.ask(exchange, body, null);
    const language = values?.value ?? (await values?.loading);
    const maps: Record<string, object> = {};
    for (const [name, program] of programs) {
      const plain = language?.plain(program.evaluate(exchange.variables));
      if (typeof plain === 'object' && plain !== null && !Array.isArray(plain)) maps[name] = plain;
    }
    return check.ask(exchange, body, maps);
  };
}
