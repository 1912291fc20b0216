import { nearestName } from '../nearest.ts';
import type { Path } from '../path.ts';
import { present } from '../present.ts';
import type { AttachedRoute } from '../schema/route.ts';
import type { GatewayListeners } from './gateways.ts';
import { addRoute } from './routes.ts';
import { GATEWAY, type Translation } from './translation.ts';

/** Top-level `routes[]`: each once per listener of the gateways that it names (spec 01 §3.2). */
export function translateAttachedRoutes(
  routes: readonly AttachedRoute[],
  gateways: GatewayListeners,
  translation: Translation,
): void {
  const counts = new Map<string, number>();
  for (const [index, route] of routes.entries()) {
    const path = ['routes', index];
    const listeners = listenersOf(route, path, gateways, translation);
    // attached to nothing is already a mistake; the route's other ones are told with it
    if (listeners.size === 0) addRoute(route, 0, `unattached/${index}`, path, translation);
    for (const listener of listeners) {
      const count = counts.get(listener) ?? 0;
      counts.set(listener, count + 1);
      addRoute(route, count, listener, path, translation);
    }
  }
}

function listenersOf(
  route: AttachedRoute,
  path: Path,
  gateways: GatewayListeners,
  translation: Translation,
): Set<string> {
  const listeners = new Set<string>();
  const references = referencesOf(route, path, gateways);
  if (references.length === 0) {
    translation.problem({ path, message: `routes.${route.name ?? '<unnamed>'} must set gateways` });
  }
  for (const { reference, at } of references) {
    const keys = gateways.get(reference);
    if (keys === undefined) {
      const names = [...gateways.keys()];
      translation.problem({
        path: at,
        message: `unknown gateway reference ${reference}`,
        hiddenMessage: 'unknown gateway reference',
        allowed: names,
        ...present({ suggestion: nearestName(reference, names) }),
      });
    }
    for (const key of keys ?? []) listeners.add(key);
  }
  return listeners;
}

function referencesOf(route: AttachedRoute, path: Path, gateways: GatewayListeners): { reference: string; at: Path }[] {
  const at = [...path, 'gateways'];
  if (route.gateways == null) return gateways.has(GATEWAY) ? [{ reference: GATEWAY, at: path }] : [];
  if (typeof route.gateways === 'string') return [{ reference: route.gateways, at }];
  return route.gateways.map((reference, i) => ({ reference, at: [...at, i] }));
}
