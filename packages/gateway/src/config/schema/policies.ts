import type { z } from 'zod';
import { aiPolicySchema } from '../../policies/ai/schema.ts';
import { apiKeySchema } from '../../policies/api-key/schema.ts';
import { authorizationSchema } from '../../policies/authorization/schema.ts';
import { backendAuthSchema } from '../../policies/backend-auth/schema.ts';
import { backendHttpSchema } from '../../policies/backend-http/schema.ts';
import { backendTcpSchema } from '../../policies/backend-tcp/schema.ts';
import { backendTlsSchema } from '../../policies/backend-tls/schema.ts';
import { basicAuthSchema } from '../../policies/basic-auth/schema.ts';
import { bufferSchema } from '../../policies/buffer/schema.ts';
import { corsSchema } from '../../policies/cors/schema.ts';
import { csrfSchema } from '../../policies/csrf/schema.ts';
import { delaySchema } from '../../policies/delay/schema.ts';
import { directResponseSchema } from '../../policies/direct-response/schema.ts';
import { backendExtAuthzSchema, extAuthzSchema } from '../../policies/ext-authz/schema.ts';
import { extProcSchema } from '../../policies/ext-proc/schema.ts';
import { headerModifierSchema } from '../../policies/header-modifier/schema.ts';
import { jwtAuthSchema } from '../../policies/jwt/schema.ts';
import { localRateLimitSchema } from '../../policies/local-rate-limit/schema.ts';
import { oidcSchema } from '../../policies/oidc/schema.ts';
import { remoteRateLimitSchema } from '../../policies/remote-rate-limit/schema.ts';
import { requestMirrorSchema } from '../../policies/request-mirror/schema.ts';
import { requestRedirectSchema } from '../../policies/request-redirect/schema.ts';
import { retrySchema } from '../../policies/retry/schema.ts';
import { timeoutSchema } from '../../policies/timeout/schema.ts';
import {
  backendTransformationsSchema,
  conditionalTransformationsSchema,
} from '../../policies/transformations/schema.ts';
import { urlRewriteSchema } from '../../policies/url-rewrite/schema.ts';
import { closed, maybe } from './closed.ts';
import { conditional } from './conditional.ts';
import { notYet } from './not-yet.ts';
import { provideCalloutPolicies } from './reference.ts';

/** Gateway-phase policies of a listener, or inline in a gateway (spec 01 §2.6). */
export const gatewayPolicies = {
  apiKey: maybe(apiKeySchema),
  cors: maybe(corsSchema),
  basicAuth: maybe(basicAuthSchema),
  jwtAuth: maybe(jwtAuthSchema),
  transformations: maybe(conditionalTransformationsSchema),
  authorization: maybe(authorizationSchema),
  oidc: maybe(oidcSchema),
  extAuthz: maybe(conditional(extAuthzSchema)),
  extProc: maybe(conditional(extProcSchema)),
};

export const gatewayPolicySchema = closed(gatewayPolicies, notYet.gatewayPolicies);

/** Policies of a route (spec 01 §2.13). */
export const routePolicySchema = closed(
  {
    requestHeaderModifier: maybe(headerModifierSchema),
    responseHeaderModifier: maybe(headerModifierSchema),
    urlRewrite: maybe(urlRewriteSchema),
    directResponse: maybe(conditional(directResponseSchema)),
    ai: maybe(aiPolicySchema),
    backendTLS: maybe(backendTlsSchema),
    backendAuth: maybe(backendAuthSchema),
    apiKey: maybe(apiKeySchema),
    authorization: maybe(authorizationSchema),
    oidc: maybe(oidcSchema),
    extProc: maybe(conditional(extProcSchema)),
    timeout: maybe(timeoutSchema),
    retry: maybe(retrySchema),
    cors: maybe(corsSchema),
    localRateLimit: maybe(localRateLimitSchema),
    remoteRateLimit: maybe(conditional(remoteRateLimitSchema)),
    basicAuth: maybe(basicAuthSchema),
    jwtAuth: maybe(jwtAuthSchema),
    csrf: maybe(csrfSchema),
    delay: maybe(delaySchema),
    buffer: maybe(bufferSchema),
    requestRedirect: maybe(requestRedirectSchema),
    requestMirror: maybe(requestMirrorSchema),
    transformations: maybe(conditionalTransformationsSchema),
    extAuthz: maybe(conditional(extAuthzSchema)),
  },
  notYet.routePolicies,
);

/** Policies of a backend, a reference to one, or a provider (spec 01 §2.13). */
export const backendPolicySchema = closed(
  {
    requestHeaderModifier: maybe(headerModifierSchema),
    responseHeaderModifier: maybe(headerModifierSchema),
    backendTLS: maybe(backendTlsSchema),
    backendAuth: maybe(backendAuthSchema),
    http: maybe(backendHttpSchema),
    tcp: maybe(backendTcpSchema),
    authorization: maybe(authorizationSchema),
    ai: maybe(aiPolicySchema),
    requestRedirect: maybe(requestRedirectSchema),
    transformations: maybe(backendTransformationsSchema),
    extAuthz: maybe(backendExtAuthzSchema),
  },
  notYet.backendPolicies,
);

/** Policies of a service that a policy asks: what a call needs, and no decisions (spec 03 §3.3). */
export const calloutPolicySchema = closed(
  {
    requestHeaderModifier: maybe(headerModifierSchema),
    backendTLS: maybe(backendTlsSchema),
    http: maybe(backendHttpSchema),
    tcp: maybe(backendTcpSchema),
    backendAuth: maybe(backendAuthSchema),
    transformations: maybe(backendTransformationsSchema),
  },
  notYet.calloutPolicies,
);

provideCalloutPolicies(() => calloutPolicySchema);

export type GatewayPolicies = z.output<typeof gatewayPolicySchema>;
export type RoutePolicies = z.output<typeof routePolicySchema>;
export type BackendPolicies = z.output<typeof backendPolicySchema>;
