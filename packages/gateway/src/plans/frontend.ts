import { defaultServerOptions, type ServerOptions } from '@agentgateway/http';
import { noNeeds } from '../pipeline/needs.ts';
import type { Ports } from '../pipeline/step.ts';
import type { FrontendHttpSpec } from '../policies/frontend-http/spec.ts';
import type { Keepalives } from '../policies/frontend-tcp/spec.ts';
import type { FrontendPolicy } from '../policies/policy.ts';
import type { BindPlan } from './plan.ts';

/** What the frontend policies of a bind come to. */
export type FrontendPlan = Pick<BindPlan, 'server' | 'maxBufferSize' | 'keepalives' | 'logNeeds'>;

/**
 * Turns the frontend policies of a bind into the settings of its connections and of what is written about its requests.
 *
 * @param _ports Of one policy, by its specification.
 */
export function compileFrontend(policies: readonly FrontendPolicy[], _ports: (spec: unknown) => Ports): FrontendPlan {
  let http: FrontendHttpSpec = {};
  let keepalives: Keepalives | null = null;
  for (const policy of policies) {
    if (policy.kind === 'http') http = policy.spec;
    else keepalives = policy.spec.keepalives;
  }
  return { server: serverOptions(http), maxBufferSize: http.maxBufferSize ?? null, keepalives, logNeeds: noNeeds };
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
