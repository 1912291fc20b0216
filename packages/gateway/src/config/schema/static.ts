import { z } from 'zod';
import { accessFieldsSchema } from '../../policies/access-log/schema.ts';
import { keepalivesSchema } from '../../policies/frontend-tcp/schema.ts';
import { exportPath, expressions, sampling } from '../../policies/tracing/schema.ts';
import { parseServerAddress } from '../address.ts';
import { duration } from '../duration.ts';
import { closed, maybe } from './closed.ts';
import { customFunctions, expression } from './expression.ts';
import { headerName, uint } from './fields.ts';
import { metricLabel } from './metric-label.ts';
import { notYet } from './not-yet.ts';

export const LOOKUP_FAMILIES = ['All', 'Auto', 'V4Preferred', 'V4Only', 'V6Only'] as const;

const address = z.string().transform((text, context) => {
  const parsed = parseServerAddress(text);
  if ('address' in parsed) return parsed.address;
  context.addIssue({ code: 'custom', message: parsed.error });
  return z.NEVER;
});

/** `config` (spec 01 §2.4): what is read once at start. */
export const staticSchema = closed(
  {
    enableIpv6: maybe(z.boolean()),
    dns: maybe(closed({ lookupFamily: maybe(z.enum(LOOKUP_FAMILIES)), edns0: maybe(z.boolean()) })),
    adminAddr: maybe(address),
    statsAddr: maybe(address),
    readinessAddr: maybe(address),
    workerThreads: z.union([z.int(), z.string()]).nullish(),
    connectionTerminationDeadline: maybe(duration()),
    connectionMinTerminationDeadline: maybe(duration()),
    backend: maybe(
      closed({
        connectTimeout: maybe(duration()),
        poolIdleTimeout: maybe(duration()),
        poolMaxSize: maybe(uint()),
        keepalives: maybe(keepalivesSchema),
      }),
    ),
    sensitiveHeaders: maybe(z.array(headerName())),
    customFunctions: maybe(customFunctions()),
    session: maybe(closed({ key: z.string() })),
    histograms: maybe(z.enum(['classic', 'native', 'both'])).describe(
      'Buckets of histograms: fixed, exponential (which only the protobuf exposition shows), or both.',
    ),
    metrics: maybe(
      closed({
        remove: maybe(z.array(z.string())).describe('Names of metrics that are not counted.'),
        fields: maybe(
          closed({
            add: maybe(z.record(metricLabel(), expression())).describe('Labels to add to the metrics of requests.'),
          }),
        ),
      }),
    ),
    tracing: maybe(
      closed({
        otlpEndpoint: maybe(z.string()),
        headers: maybe(z.record(z.string(), z.string())),
        otlpProtocol: maybe(z.enum(['grpc', 'http'])),
        fields: maybe(closed({ add: expressions(), remove: z.array(z.string()).default([]) })),
        randomSampling: maybe(sampling()),
        clientSampling: maybe(sampling()),
        path: maybe(exportPath()),
      }).describe('Deprecated: frontendPolicies.tracing.'),
    ),
    logging: maybe(
      closed(
        {
          level: z.union([z.string(), z.array(z.string())]).nullish(),
          format: maybe(z.enum(['text', 'json'])),
          filter: maybe(expression()).describe('Deprecated: frontendPolicies.accessLog.filter.'),
          fields: maybe(accessFieldsSchema).describe('Deprecated: frontendPolicies.accessLog.add and remove.'),
        },
        notYet.logging,
      ),
    ),
  },
  notYet.config,
  { listener: '`listener` has been removed; move to `frontendPolicies`' },
);

export type StaticConfig = z.output<typeof staticSchema>;
