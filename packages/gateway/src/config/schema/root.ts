import { z } from 'zod';
import { accessLogSchema } from '../../policies/access-log/schema.ts';
import { authorizationSchema } from '../../policies/authorization/schema.ts';
import { networkExtAuthzSchema } from '../../policies/ext-authz/schema.ts';
import { frontendHttpSchema } from '../../policies/frontend-http/schema.ts';
import { frontendTcpSchema } from '../../policies/frontend-tcp/schema.ts';
import { tracingSchema } from '../../policies/tracing/schema.ts';
import { namedBackendSchema } from './backend.ts';
import { closed, maybe, oneOfNames } from './closed.ts';
import { name } from './fields.ts';
import { bindSchema, gatewaySchema } from './listeners.ts';
import { notYet } from './not-yet.ts';
import { attachedRouteSchema } from './route.ts';
import { staticSchema } from './static.ts';
import { targetedPolicySchema } from './targeted.ts';

/** The whole file (spec 01 §2.3). */
export const rootSchema = closed(
  {
    $schema: z.string().optional().describe('For editors; ignored.'),
    config: maybe(staticSchema),
    gateways: z.record(name(), gatewaySchema).default({}),
    routes: z.array(attachedRouteSchema).default([]),
    binds: z.array(bindSchema).default([]),
    frontendPolicies: closed(
      {
        http: maybe(frontendHttpSchema),
        tcp: maybe(frontendTcpSchema),
        networkAuthorization: maybe(authorizationSchema),
        networkExtAuthz: maybe(networkExtAuthzSchema),
        accessLog: maybe(accessLogSchema),
        tracing: maybe(tracingSchema),
        logging: maybe(accessLogSchema).describe('Another name of accessLog.'),
      },
      notYet.frontend,
    )
      .check(oneOfNames('accessLog', 'logging'))
      .optional(),
    backends: z.array(namedBackendSchema).default([]),
    policies: z.array(targetedPolicySchema).default([]),
  },
  notYet.root,
);

export type RootConfig = z.output<typeof rootSchema>;
