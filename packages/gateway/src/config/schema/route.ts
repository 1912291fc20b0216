import { z } from 'zod';
import { routeBackendSchema } from './backend.ts';
import { closed, exactlyOne, maybe } from './closed.ts';
import { headerOrPseudo, hostname, name } from './fields.ts';
import { notYet } from './not-yet.ts';
import { routePolicySchema } from './policies.ts';

const text = z.string().optional();

const pathMatch = z.union([
  z.literal('invalid'),
  closed({ exact: text, pathPrefix: text, regex: text }).check(exactlyOne(['exact', 'pathPrefix', 'regex'])),
]);

const valueMatch = z.union([
  z.literal('invalid'),
  closed({ exact: text, regex: text }).check(exactlyOne(['exact', 'regex'])),
]);

const method = z.string().refine((word) => /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(word), 'not a method');

/** `matches[]` (spec 02 §3.6). */
const matchSchema = closed({
  path: pathMatch.optional(),
  method: maybe(method),
  headers: z.array(closed({ name: headerOrPseudo(), value: valueMatch })).default([]),
  query: z.array(closed({ name: z.string(), value: valueMatch })).default([]),
});

const routeHostname = hostname().refine(
  (host) => host !== '*' && host !== '',
  'a route matches any host without hostnames; leave the field out',
);

const routeFields = {
  name: maybe(name()),
  namespace: maybe(name()),
  hostnames: z.array(routeHostname).default([]),
  matches: z.array(matchSchema).optional(),
  policies: maybe(routePolicySchema),
  backends: z.array(routeBackendSchema).default([]),
};

/** `routes[]` of a bind's listener (spec 01 §2.7). */
export const routeSchema = closed(routeFields, notYet.route);

/** Top-level `routes[]`: a route and the gateways that it is attached to. */
export const attachedRouteSchema = closed(
  { ...routeFields, gateways: z.union([name(), z.array(name())]).nullish() },
  notYet.route,
);

export type RouteConfig = z.output<typeof routeSchema>;
export type AttachedRoute = z.output<typeof attachedRouteSchema>;
export type MatchConfig = z.output<typeof matchSchema>;
