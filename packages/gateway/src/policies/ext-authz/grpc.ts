import type { Ports } from '../../pipeline/step.ts';
import type { Check } from './check.ts';
import type { Late } from './late.ts';
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
  ports: Ports,
  values: Late<typeof Values> | null,
): Check {
  throw new Error('x');
}
