import type { Ports, ResponseStep, Step } from '../pipeline/step.ts';
import type { BackendPolicy, TrafficPolicy } from './policy.ts';

type Policy = TrafficPolicy | BackendPolicy;

/** Kinds that are settings of a plan, not steps: the pipeline and the backends read them. */
type SettingKind = 'ai' | 'backendTLS' | 'http' | 'tcp' | 'requestMirror' | 'timeout';

/** Kinds that run as steps. */
export type StepKind = Exclude<Policy['kind'], SettingKind>;

type SpecOf<K extends StepKind> = Extract<Policy, { kind: K; spec: unknown }>['spec'];

/** What a kind does, once its code is loaded: to a request, to a response, or both; null where a specification asks for nothing. */
export interface PolicyCode<Spec> {
  readonly request?: (spec: Spec, ports: Ports) => Step | null;
  readonly response?: (spec: Spec, ports: Ports) => ResponseStep | null;
}

/** How to get a kind's code. Nothing is loaded before somebody configures it. */
export const policyLoaders: { readonly [K in StepKind]: () => Promise<PolicyCode<SpecOf<K>>> } = {
  apiKey: async () => ({ request: (await import('./api-key/step.ts')).compileApiKey }),
  authorization: async () => ({ request: (await import('./authorization/step.ts')).compileAuthorization }),
  backendAuth: async () => ({ request: (await import('./backend-auth/step.ts')).compileBackendAuth }),
  basicAuth: async () => {
    const { compileBasicAuth } = await import('./basic-auth/step.ts');
    return { request: (spec, ports) => compileBasicAuth(spec, ports) };
  },
  buffer: async () => {
    const { compileBufferRequest, compileBufferResponse } = await import('./buffer/step.ts');
    return { request: compileBufferRequest, response: compileBufferResponse };
  },
  cors: async () => ({ request: (await import('./cors/step.ts')).compileCors }),
  csrf: async () => ({ request: (await import('./csrf/step.ts')).compileCsrf }),
  delay: async () => ({ request: (await import('./delay/step.ts')).compileDelay }),
  directResponse: async () => ({ request: (await import('./direct-response/step.ts')).compileDirectResponse }),
  extAuthz: async () => ({ request: (await import('./ext-authz/step.ts')).compileExtAuthz }),
  extProc: async () => {
    const { compileExtProcRequest, compileExtProcResponse } = await import('./ext-proc/step.ts');
    return { request: compileExtProcRequest, response: compileExtProcResponse };
  },
  jwtAuth: async () => ({ request: (await import('./jwt/step.ts')).compileJwtAuth }),
  localRateLimit: async () => ({ request: (await import('./local-rate-limit/step.ts')).compileLocalRateLimit }),
  remoteRateLimit: async () => ({ request: (await import('./remote-rate-limit/step.ts')).compileRemoteRateLimit }),
  oidc: async () => ({ request: (await import('./oidc/step.ts')).compileOidc }),
  requestHeaderModifier: async () => ({
    request: (await import('./header-modifier/step.ts')).compileRequestHeaderModifier,
  }),
  requestRedirect: async () => ({ request: (await import('./request-redirect/step.ts')).compileRequestRedirect }),
  retry: async () => ({ request: (await import('./retry/step.ts')).compileRetryPrecondition }),
  responseHeaderModifier: async () => ({
    response: (await import('./header-modifier/step.ts')).compileResponseHeaderModifier,
  }),
  transformations: async () => {
    const { compileTransformationRequest, compileTransformationResponse } = await import('./transformations/step.ts');
    return { request: compileTransformationRequest, response: compileTransformationResponse };
  },
  urlRewrite: async () => ({ request: (await import('./url-rewrite/step.ts')).compileUrlRewrite }),
};
