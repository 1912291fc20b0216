import { defaultServerOptions, type ServerOptions } from '@agentgateway/http';
import { joinNeeds, type PhaseNeeds } from '../pipeline/needs.ts';
import { networkCheck } from '../pipeline/network-check.ts';
import type { PhaseCompiler } from '../pipeline/phases.ts';
import type { Ports } from '../pipeline/step.ts';
import type { Tracer } from '../pipeline/trace.ts';
import { compileNetworkAuthorization } from '../policies/authorization/network.ts';
import type { FrontendHttpSpec } from '../policies/frontend-http/spec.ts';
import type { Keepalives } from '../policies/frontend-tcp/spec.ts';
import type { FrontendPolicy, TrafficPolicy } from '../policies/policy.ts';
import type { AccessLogPlan } from '../telemetry/access-log-plan.ts';
import type { Exporters } from '../telemetry/otlp/exporters.ts';
import type { BindPlan, NetworkCheck } from './plan.ts';

/** What the frontend policies of a bind come to. */
export type FrontendPlan = Pick<
  BindPlan,
  'server' | 'maxBufferSize' | 'keepalives' | 'networkChecks' | 'accessLog' | 'tracing' | 'logNeeds'
>;

/** Code of those frontend policies that not every gateway has; null where the state has no such policy. */
export interface FrontendCode {
  readonly compileAccessLog: typeof import('../telemetry/access-policy.ts').compileAccessLog | null;
  /** Null where no access log goes to a collector. */
  readonly compileLogExporter: typeof import('./otlp.ts').compileLogExporter | null;
  readonly compileTracing: typeof import('./tracing.ts').compileTracing | null;
  /** Null where the state has no expression either. */
  readonly celValues: typeof import('../telemetry/cel-values.ts') | null;
}

/**
 * Loads what the policies need.
 *
 * @param expressions Whether the state has any.
 */
export async function loadFrontend(policies: readonly FrontendPolicy[], expressions: boolean): Promise<FrontendCode> {
  const logs = policies.flatMap((policy) => (policy.kind === 'accessLog' ? [policy.spec] : []));
  const accessLog = logs.length > 0 ? await import('../telemetry/access-policy.ts') : null;
  const otlp = logs.some((spec) => spec.otlp !== undefined) ? await import('./otlp.ts') : null;
  const tracing = policies.some(({ kind }) => kind === 'tracing') ? await import('./tracing.ts') : null;
  const celValues = tracing !== null && expressions ? await import('../telemetry/cel-values.ts') : null;
  return {
    compileAccessLog: accessLog?.compileAccessLog ?? null,
    compileLogExporter: otlp?.compileLogExporter ?? null,
    compileTracing: tracing?.compileTracing ?? null,
    celValues,
  };
}

/** What frontend policies are compiled with. */
interface FrontendCompileOptions {
  readonly code: FrontendCode;
  /** Has the code of the policies on requests that decide on connections as well. */
  readonly phases: PhaseCompiler;
  /** Of one policy, by its specification. */
  readonly ports: (spec: unknown) => Ports;
  readonly exporters: Exporters;
  /** What is read of bodies without any policy. */
  readonly logNeeds: PhaseNeeds;
}

/** Turns the frontend policies of a bind into the settings of its connections and of what is written about its requests. */
export function compileFrontend(
  policies: readonly FrontendPolicy[],
  { code, phases, ports, exporters, logNeeds: always }: FrontendCompileOptions,
): FrontendPlan {
  let http: FrontendHttpSpec = {};
  let keepalives: Keepalives | null = null;
  let accessLog: AccessLogPlan | null = null;
  let tracing: Tracer | null = null;
  let logNeeds = always;
  const networkChecks: NetworkCheck[] = [];
  for (const policy of policies) {
    switch (policy.kind) {
      case 'http':
        http = policy.spec;
        break;
      case 'tcp':
        keepalives = policy.spec.keepalives;
        break;
      case 'networkAuthorization':
        networkChecks.push(compileNetworkAuthorization(policy.spec, ports(policy.spec)));
        break;
      case 'accessLog': {
        const own = ports(policy.spec);
        const { otlp: target } = policy.spec;
        const exporter =
          target === undefined
            ? null
            : (code.compileLogExporter?.({ target, resource: [], ports: own, exporters }) ?? null);
        const compiled = code.compileAccessLog?.(policy.spec, own, exporter) ?? null;
        accessLog = compiled?.plan ?? null;
        logNeeds = (compiled?.needs ?? []).reduce(joinNeeds, logNeeds);
        break;
      }
      case 'tracing': {
        const compiled = code.compileTracing?.(policy.spec, ports(policy.spec), exporters, code.celValues) ?? null;
        tracing = compiled?.tracer ?? null;
        logNeeds = (compiled?.needs ?? []).reduce(joinNeeds, logNeeds);
        break;
      }
      case 'networkExtAuthz': {
        const phase = phases.compile('route', [asTraffic(policy)], ports);
        networkChecks.push(networkCheck(phase, ports(policy.spec).clock));
        break;
      }
    }
  }
  const maxBufferSize = http.maxBufferSize ?? null;
  return { server: serverOptions(http), maxBufferSize, keepalives, networkChecks, accessLog, tracing, logNeeds };
}

/** The policy on requests that decides on connections here. */
export function asTraffic(policy: Extract<FrontendPolicy, { kind: 'networkExtAuthz' }>): TrafficPolicy {
  return { kind: 'extAuthz', spec: policy.spec };
}

function serverOptions(http: FrontendHttpSpec): ServerOptions {
  const defaults = defaultServerOptions;
  return {
    maxHeaders: http.http1MaxHeaders ?? defaults.maxHeaders,
    maxHeadBytes: defaults.maxHeadBytes,
    idleTimeout: http.http1IdleTimeout ?? defaults.idleTimeout,
    maxConnectionAge: http.maxConnectionDuration ?? defaults.maxConnectionAge,
    preserveHeaderCase: http.http1HeaderCase === 'preserve',
    // A client that closes looks like one that has only ended its side; the upstream must not work on for the former.
    halfClose: false,
    http2: {
      ...(http.http2WindowSize === undefined ? {} : { windowSize: http.http2WindowSize }),
      ...(http.http2ConnectionWindowSize === undefined ? {} : { connectionWindowSize: http.http2ConnectionWindowSize }),
      ...(http.http2FrameSize === undefined ? {} : { maxFrameSize: http.http2FrameSize }),
      ...(http.http2MaxHeaderSize === undefined ? {} : { maxHeaderListSize: http.http2MaxHeaderSize }),
      keepaliveInterval: http.http2KeepaliveInterval ?? defaults.http2.keepaliveInterval,
      keepaliveTimeout: http.http2KeepaliveTimeout ?? defaults.http2.keepaliveTimeout,
      maxConcurrentStreams: defaults.http2.maxConcurrentStreams,
    },
  };
}
