import type { ConnectionInfo } from '@agentgateway/http';
import type { Ports } from '../../pipeline/step.ts';
import { compileRules } from './rules.ts';
import type { AuthorizationSpec } from './spec.ts';

/**
 * `networkAuthorization` (spec 03 §10b): the same rules for a connection, before anything of it is read. They see `source`,
 * `destination` and `env`.
 */
export function compileNetworkAuthorization(
  spec: AuthorizationSpec,
  ports: Ports,
): (connection: ConnectionInfo) => boolean {
  const allowed = compileRules(spec, (expression) => ports.expression(expression));
  return (connection) => allowed(ports.connectionVariables(connection));
}
