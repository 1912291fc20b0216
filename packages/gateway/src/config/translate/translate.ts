import type { RootConfig } from '../schema/root.ts';
import { translateAttachedRoutes } from './attached-routes.ts';
import { translateBackends } from './backends.ts';
import { translateBinds } from './binds.ts';
import { translateFrontend } from './frontend.ts';
import { translateGateways } from './gateways.ts';
import { Ports } from './ports.ts';
import { translateTargeted } from './targeted.ts';
import type { Translation } from './translation.ts';

/** Turns a checked file into resources (spec 01 §3); what does not fit together becomes problems of the translation. */
export function translate(root: RootConfig, translation: Translation): void {
  const ports = new Ports(translation);
  // named backends first: every route may refer to them
  translateBackends(root.backends, translation);
  translateBinds(root.binds, ports, translation);
  const gateways = translateGateways(root.gateways, ports, translation);
  translateAttachedRoutes(root.routes, gateways, translation);
  translateFrontend(root, translation);
  translateTargeted(root.policies, translation);
}
