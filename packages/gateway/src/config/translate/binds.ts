import type { Listener } from '../../resources/model.ts';
import { formatPath, type Path } from '../path.ts';
import type { BindConfig, BindListener } from '../schema/listeners.ts';
import { addGatewayPolicies } from './policies.ts';
import type { Ports } from './ports.ts';
import { addRoute } from './routes.ts';
import { listenerTls } from './tls.ts';
import { GATEWAY, type Translation } from './translation.ts';

/** `binds[]` to binds, listeners and their routes (spec 01 §3.3). */
export function translateBinds(binds: readonly BindConfig[], ports: Ports, translation: Translation): void {
  for (const [index, bind] of binds.entries()) {
    const path = ['binds', index];
    if (bind.port == null) {
      translation.problem({ path, message: 'a bind without a port must set mode: internal' });
      continue;
    }
    if (!ports.take(bind.port, formatPath(path), [...path, 'port'])) continue;
    const key = addBind(
      bind.port,
      bind.listeners.some((listener) => listener.protocol === 'HTTPS'),
      translation,
    );
    for (const [i, listener] of bind.listeners.entries()) {
      addListener(listener, i, key, bind.port, [...path, 'listeners', i], translation);
    }
  }
}

/** Adds the bind of a port and returns its key. */
export function addBind(port: number, tls: boolean, translation: Translation): string {
  const key = `bind/${port}`;
  translation.add({
    kind: 'bind',
    key,
    host: translation.bindHost,
    port,
    protocol: tls ? 'tls' : 'http',
    tunnelProtocol: 'direct',
    mode: 'standard',
  });
  return key;
}

function addListener(
  options: BindListener,
  index: number,
  bind: string,
  port: number,
  path: Path,
  translation: Translation,
): void {
  const name = options.name ?? `listener${index}`;
  const key = `${GATEWAY}/${GATEWAY}/${bind}/${name}`;
  const at = options.name == null ? path : [...path, 'name'];
  translation.claim('listener', key, at, 'another listener of this bind has this name');
  const tls = protocolTls(options, path, translation);
  if (options.routes == null) {
    translation.problem({ path, message: `protocol ${options.protocol} requires 'routes'` });
  }
  translation.add({
    kind: 'listener',
    key,
    bind,
    name: { gatewayName: GATEWAY, gatewayNamespace: GATEWAY, listenerName: name },
    hostname: options.hostname ?? '',
    protocol: options.protocol,
    tls,
  });
  // names of listeners are unique within a bind only: the port tells them apart
  const target = { gateway: { name: GATEWAY, namespace: GATEWAY, listener: name, port } };
  addGatewayPolicies(options.policies, [...path, 'policies'], `listener/${key}`, target, translation);
  for (const [i, route] of (options.routes ?? []).entries())
    addRoute(route, i, key, [...path, 'routes', i], translation);
}

function protocolTls(options: BindListener, path: Path, translation: Translation): Listener['tls'] {
  if (options.protocol === 'HTTP') {
    if (options.tls != null)
      translation.problem({ path: [...path, 'tls'], at: 'key', message: 'protocol HTTP cannot set tls' });
    return null;
  }
  if (options.tls != null) return listenerTls(options.tls, [...path, 'tls'], translation) ?? null;
  translation.problem({ path, message: "HTTPS listener requires 'tls'" });
  return null;
}
