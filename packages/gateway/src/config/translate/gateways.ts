import type { Listener } from '../../resources/model.ts';
import type { Path } from '../path.ts';
import type { GatewayConfig, GatewayListener } from '../schema/listeners.ts';
import { gatewayPolicies } from '../schema/policies.ts';
import { addBind } from './binds.ts';
import { addGatewayPolicies } from './policies.ts';
import type { Ports } from './ports.ts';
import { listenerTls } from './tls.ts';
import { GATEWAY, type Translation } from './translation.ts';

/** What `gateways` of a route may name, to the keys of the listeners that are meant. */
export type GatewayListeners = ReadonlyMap<string, readonly string[]>;

type Options = Pick<GatewayListener, 'hostname' | 'protocol' | 'tls' | keyof typeof gatewayPolicies>;

/** `gateways` to binds and listeners (spec 01 §2.6, §3.3). */
export function translateGateways(
  gateways: Readonly<Record<string, GatewayConfig>>,
  ports: Ports,
  translation: Translation,
): GatewayListeners {
  const references = new Map<string, string[]>();
  for (const [name, gateway] of Object.entries(gateways)) {
    const path = ['gateways', name];
    if (name.includes('/'))
      translation.problem({ path, at: 'key', message: 'the name of a gateway cannot hold a slash' });
    const free = ports.take(gateway.port, `gateways.${name}`, [...path, 'port']);
    const keys: string[] = [];
    references.set(name, keys);
    const alone = gateway.listeners.length === 0;
    if (!alone && sets(gateway)) {
      const message = `gateways.${name} cannot set protocol, tls, or policy fields when listeners are configured`;
      translation.problem({ path, at: 'key', message });
    }
    const listeners: [string, Options, Path][] = alone
      ? [[name, gateway, path]]
      : gateway.listeners.map((listener, i) => [
          `${name}/${listener.name ?? `listener${i}`}`,
          listener,
          [...path, 'listeners', i],
        ]);
    const secure = listeners.filter(([, options]) => protocolOf(options) === 'HTTPS').length;
    if (secure > 0 && secure < listeners.length) {
      const message = `gateway listeners on port ${gateway.port} cannot mix TLS and plaintext`;
      translation.problem({ path: [...path, 'listeners'], at: 'key', message });
    }
    const bind = free ? addBind(gateway.port, secure > 0, translation) : `bind/${gateway.port}`;
    for (const [reference, options, at] of listeners) {
      const key = addListener(reference, options, bind, at, translation);
      keys.push(key);
      if (!alone) references.set(reference, [key]);
    }
  }
  return references;
}

function addListener(reference: string, options: Options, bind: string, path: Path, translation: Translation): string {
  const key = `gateway/${reference}`;
  translation.claim('listener', key, path, 'another listener of this gateway has this name');
  const protocol = protocolOf(options);
  translation.add({
    kind: 'listener',
    key,
    bind,
    name: { gatewayName: GATEWAY, gatewayNamespace: GATEWAY, listenerName: reference },
    hostname: options.hostname ?? '*',
    protocol,
    tls: protocolTls(protocol, options, path, translation),
  });
  const target = { gateway: { name: GATEWAY, namespace: GATEWAY, listener: reference } };
  addGatewayPolicies(options, path, `gateway/${reference}`, target, translation);
  return key;
}

function protocolOf(options: Options): 'HTTP' | 'HTTPS' {
  return options.protocol ?? (options.tls == null ? 'HTTP' : 'HTTPS');
}

function protocolTls(
  protocol: 'HTTP' | 'HTTPS',
  options: Options,
  path: Path,
  translation: Translation,
): Listener['tls'] {
  if (protocol === 'HTTP') {
    if (options.tls != null)
      translation.problem({ path: [...path, 'tls'], at: 'key', message: 'protocol HTTP cannot set tls' });
    return null;
  }
  if (options.tls != null) return listenerTls(options.tls, [...path, 'tls'], translation) ?? null;
  translation.problem({ path, message: 'protocol HTTPS requires tls' });
  return null;
}

/** Whether a gateway says itself what its listeners should say. */
function sets(gateway: GatewayConfig): boolean {
  if (gateway.protocol != null || gateway.tls != null) return true;
  return Object.keys(gatewayPolicies).some((kind) => gateway[kind as keyof typeof gatewayPolicies] != null);
}
