import type { Expression } from '../resources/model.ts';
import type { AccessLogSpec } from './access-log/spec.ts';
import type { AiPolicySpec } from './ai/spec.ts';
import type { ApiKeySpec } from './api-key/spec.ts';
import type { AuthorizationSpec } from './authorization/spec.ts';
import type { BackendAuthSpec } from './backend-auth/spec.ts';
import type { BackendHttpSpec } from './backend-http/spec.ts';
import type { BackendTcpSpec } from './backend-tcp/spec.ts';
import type { BackendTlsSpec } from './backend-tls/spec.ts';
import type { BasicAuthSpec } from './basic-auth/spec.ts';
import type { BufferSpec } from './buffer/spec.ts';
import type { CorsSpec } from './cors/spec.ts';
import type { CsrfSpec } from './csrf/spec.ts';
import type { DelaySpec } from './delay/spec.ts';
import type { DirectResponseSpec } from './direct-response/spec.ts';
import type { ExtAuthzSpec } from './ext-authz/spec.ts';
import type { ExtProcSpec } from './ext-proc/spec.ts';
import type { FrontendHttpSpec } from './frontend-http/spec.ts';
import type { FrontendTcpSpec } from './frontend-tcp/spec.ts';
import type { HeaderModifierSpec } from './header-modifier/spec.ts';
import type { JwtAuthSpec } from './jwt/spec.ts';
import type { LocalRateLimitSpec } from './local-rate-limit/spec.ts';
import type { OidcSpec } from './oidc/spec.ts';
import type { RemoteRateLimitSpec } from './remote-rate-limit/spec.ts';
import type { RequestMirrorSpec } from './request-mirror/spec.ts';
import type { RequestRedirectSpec } from './request-redirect/spec.ts';
import type { RetrySpec } from './retry/spec.ts';
import type { TimeoutSpec } from './timeout/spec.ts';
import type { TracingSpec } from './tracing/spec.ts';
import type { TransformationsSpec } from './transformations/spec.ts';
import type { UrlRewriteSpec } from './url-rewrite/spec.ts';

/** One entry of a conditional policy. */
export interface ConditionalEntry<Spec> {
  /** Null is always: only the last entry has none. */
  readonly condition: Expression | null;
  readonly spec: Spec;
}

/**
 * A kind of policy that may have conditions (spec 03 §2.4): the first entry whose condition holds runs, at the policy's place in the
 * order; its response side runs for the requests that it was chosen for.
 */
type Conditional<K extends string, Spec> =
  | { readonly kind: K; readonly spec: Spec }
  | { readonly kind: K; readonly entries: readonly ConditionalEntry<Spec>[] };

/** Policies on traffic: they run once per request, in the gateway or the route phase (spec 01 §3.1). */
export type TrafficPolicy =
  | { readonly kind: 'authorization'; readonly spec: AuthorizationSpec }
  | { readonly kind: 'apiKey'; readonly spec: ApiKeySpec }
  | { readonly kind: 'ai'; readonly spec: AiPolicySpec }
  | { readonly kind: 'basicAuth'; readonly spec: BasicAuthSpec }
  | { readonly kind: 'buffer'; readonly spec: BufferSpec }
  | { readonly kind: 'cors'; readonly spec: CorsSpec }
  | { readonly kind: 'csrf'; readonly spec: CsrfSpec }
  | { readonly kind: 'delay'; readonly spec: DelaySpec }
  | Conditional<'directResponse', DirectResponseSpec>
  | Conditional<'extAuthz', ExtAuthzSpec>
  | Conditional<'extProc', ExtProcSpec>
  | { readonly kind: 'jwtAuth'; readonly spec: JwtAuthSpec }
  | Conditional<'localRateLimit', LocalRateLimitSpec>
  | Conditional<'remoteRateLimit', RemoteRateLimitSpec>
  | { readonly kind: 'oidc'; readonly spec: OidcSpec }
  | { readonly kind: 'requestHeaderModifier'; readonly spec: HeaderModifierSpec }
  | { readonly kind: 'requestMirror'; readonly spec: RequestMirrorSpec }
  | { readonly kind: 'requestRedirect'; readonly spec: RequestRedirectSpec }
  | { readonly kind: 'responseHeaderModifier'; readonly spec: HeaderModifierSpec }
  | { readonly kind: 'retry'; readonly spec: RetrySpec }
  | { readonly kind: 'timeout'; readonly spec: TimeoutSpec }
  | Conditional<'transformations', TransformationsSpec>
  | { readonly kind: 'urlRewrite'; readonly spec: UrlRewriteSpec };

/** Policies on a backend: they run on every attempt. */
export type BackendPolicy =
  | { readonly kind: 'authorization'; readonly spec: AuthorizationSpec }
  | { readonly kind: 'ai'; readonly spec: AiPolicySpec }
  | { readonly kind: 'backendAuth'; readonly spec: BackendAuthSpec }
  | { readonly kind: 'backendTLS'; readonly spec: BackendTlsSpec }
  | { readonly kind: 'http'; readonly spec: BackendHttpSpec }
  | { readonly kind: 'tcp'; readonly spec: BackendTcpSpec }
  | { readonly kind: 'extAuthz'; readonly spec: ExtAuthzSpec }
  | { readonly kind: 'requestHeaderModifier'; readonly spec: HeaderModifierSpec }
  | { readonly kind: 'requestRedirect'; readonly spec: RequestRedirectSpec }
  | { readonly kind: 'responseHeaderModifier'; readonly spec: HeaderModifierSpec }
  | { readonly kind: 'transformations'; readonly spec: TransformationsSpec };

/** Policies on connections and on what is written about requests. */
export type FrontendPolicy =
  | { readonly kind: 'accessLog'; readonly spec: AccessLogSpec }
  | { readonly kind: 'networkAuthorization'; readonly spec: AuthorizationSpec }
  | { readonly kind: 'http'; readonly spec: FrontendHttpSpec }
  | { readonly kind: 'networkExtAuthz'; readonly spec: ExtAuthzSpec }
  | { readonly kind: 'tcp'; readonly spec: FrontendTcpSpec }
  | { readonly kind: 'tracing'; readonly spec: TracingSpec };

export type TrafficKind = TrafficPolicy['kind'];
export type BackendKind = BackendPolicy['kind'];

/** What a kind's options look like. */
export type BackendSpec<K extends BackendKind> = Extract<BackendPolicy, { kind: K }>['spec'];
