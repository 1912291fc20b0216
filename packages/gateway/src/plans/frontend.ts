import { defaultServerOptions, type ServerOptions } from '@agentgateway/http';
import { noNeeds } from '../pipeline/needs.ts';
import { networkCheck } from '../pipeline/network-check.ts';
import type { PhaseCompiler } from '../pipeline/phases.ts';
import type { Ports } from '../pipeline/step.ts';
import { compileNetworkAuthorization } from '../policies/authorization/network.ts';
import type { FrontendHttpSpec } from '../policies/frontend-http/spec.ts';
import type { Keepalives } from '../policies/frontend-tcp/spec.ts';
import type { FrontendPolicy, TrafficPolicy } from '../policies/policy.ts';
import type { BindPlan, NetworkCheck } from './plan.ts';

/** What the frontend policies of a bind come to. */
export type FrontendPlan = Pick<BindPlan, 'server' | 'maxBufferSize' | 'keepalives' | 'networkChecks' | 'logNeeds'>;

/**
 * Turns the frontend policies of a bind into the settings of its connections and of what is written about its requests.
 *
 * @param phases Has the code of the policies on requests that decide on connections as well.
 * @param ports Of one policy, by its specification.
 */
export function compileFrontend(
  policies: readonly FrontendPolicy[],
  phases: PhaseCompiler,
  ports: (spec: unknown) => Ports,
): FrontendPlan {
  let http: FrontendHttpSpec = {};
  let keepalives: Keepalives | null = null;
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
      case 'networkExtAuthz': {
        const phase = phases.compile('route', [asTraffic(policy)], ports);
        networkChecks.push(networkCheck(phase, ports(policy.spec).clock));
        break;
      }
    }
  }
  return {
    server: serverOptions(http),
    maxBufferSize: http.maxBufferSize ?? null,
    keepalives,
    networkChecks,
    logNeeds: noNeeds,
  };
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
