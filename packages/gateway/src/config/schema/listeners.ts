import { z } from 'zod';
import { closed, maybe, word } from './closed.ts';
import { hostname, name, u16 } from './fields.ts';
import { notYet } from './not-yet.ts';
import { gatewayPolicies, gatewayPolicySchema } from './policies.ts';
import { routeSchema } from './route.ts';
import { serverTlsSchema } from './tls.ts';

const listenerSchema = closed(
  {
    name: maybe(name()),
    hostname: maybe(hostname()),
    protocol: word(['HTTP', 'HTTPS'], ['TLS', 'TCP', 'HBONE']).default('HTTP'),
    tls: maybe(serverTlsSchema),
    routes: z.array(routeSchema).nullish(),
    policies: maybe(gatewayPolicySchema),
  },
  notYet.listener,
);

/** `binds[]` (spec 01 §2.5). */
export const bindSchema = closed({
  port: maybe(u16()),
  listeners: z.array(listenerSchema),
  tunnelProtocol: word(['direct'], ['hboneWaypoint', 'hboneGateway', 'proxy', 'connect']).default('direct'),
  mode: word(['standard'], ['internal']).default('standard'),
});

const protocol = maybe(word(['HTTP', 'HTTPS'], ['TCP', 'TLS']));

const gatewayListenerSchema = closed(
  {
    name: maybe(name()),
    hostname: maybe(hostname()),
    protocol,
    tls: maybe(serverTlsSchema),
    ...gatewayPolicies,
  },
  notYet.gatewayPolicies,
);

/** `gateways.<name>` (spec 01 §2.6). */
export const gatewaySchema = closed(
  {
    port: u16(),
    protocol,
    tls: maybe(serverTlsSchema),
    listeners: z.array(gatewayListenerSchema).default([]),
    ...gatewayPolicies,
  },
  notYet.gatewayPolicies,
);

export type BindConfig = z.output<typeof bindSchema>;
export type BindListener = z.output<typeof listenerSchema>;
export type GatewayConfig = z.output<typeof gatewaySchema>;
export type GatewayListener = z.output<typeof gatewayListenerSchema>;
