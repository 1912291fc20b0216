import { CelMap, Duration, type Value } from '@agentgateway/cel';
import type { Exchange } from '../exchange.ts';
import { readers, View } from './view.ts';

const proxy = readers<Exchange>({
  bind: ({ record }) => record.bind ?? undefined,
  gateway: ({ listenerPlan }) => {
    if (listenerPlan === null) return undefined;
    const { gatewayName, gatewayNamespace } = listenerPlan.listener.name;
    return strings({ namespace: gatewayNamespace, name: gatewayName });
  },
  listener: ({ listenerPlan }) =>
    listenerPlan === null ? undefined : strings({ name: listenerPlan.listener.name.listenerName }),
  route: ({ route, record }) =>
    route === null
      ? undefined
      : strings({
          namespace: route.name.namespace,
          name: route.name.name,
          kind: 'http',
          ...(record.routeRule === null ? {} : { rule: record.routeRule }),
        }),
  requestProcessingDuration: ({ record }) => span(record.startedAt, record.upstreamStartedAt),
  upstreamDuration: ({ record }) => span(record.upstreamStartedAt, record.upstreamRespondedAt),
  responseProcessingDuration: ({ record }) => span(record.upstreamRespondedAt, record.respondedAt),
});

/** `proxy` (spec 04 §4.8): what was matched, and how long each part took as far as it is over. */
export class ProxyVariable extends View<Exchange> {
  constructor(exchange: Exchange) {
    super(exchange, proxy);
  }
}

/** Undefined unless both moments came. */
function span(from: number, to: number): Value | undefined {
  return from === 0 || to === 0 ? undefined : Duration.fromMilliseconds(to - from);
}

function strings(fields: Readonly<Record<string, string>>): Value {
  return new CelMap(new Map(Object.entries(fields)));
}
