import type { BackendPolicy, FrontendPolicy, TrafficPolicy } from '../policies/policy.ts';
import type { Secret } from './secret.ts';

/**
 * The one model that the file, xDS and the managed store feed (spec 01 §3.1). Resources are plain, frozen, JSON-serialisable
 * data with a key; children name their parents by key. Durations are milliseconds, sizes are bytes, host names are in lower
 * case without a trailing dot, files are already read.
 */
export type Resource = Bind | Listener | Route | Backend | TargetedPolicy;
export type ResourceKind = Resource['kind'];

/** A port. */
export interface Bind {
  readonly kind: 'bind';
  /** `bind/<port>`. */
  readonly key: string;
  /** `::` (dual stack), `0.0.0.0`, or a concrete address. */
  readonly host: string;
  readonly port: number;
  readonly protocol: 'http' | 'tls' | 'tcp' | 'auto';
  readonly tunnelProtocol: 'direct';
  readonly mode: 'standard';
}

/** A host name (and certificate) on a bind. */
export interface Listener {
  readonly kind: 'listener';
  readonly key: string;
  /** Key of the bind. */
  readonly bind: string;
  readonly name: { readonly gatewayName: string; readonly gatewayNamespace: string; readonly listenerName: string };
  /** Exact, `*.suffix`, `*`, or empty: the last two match all. */
  readonly hostname: string;
  readonly protocol: 'HTTP' | 'HTTPS';
  readonly tls: ListenerTls | null;
}

/** Certificates and habits of a TLS listener; PEM texts (spec 02 §2.2). */
export interface ListenerTls {
  readonly cert: string;
  readonly key: Secret;
  /** Client authorities: present means that client certificates are required. */
  readonly root?: string;
  readonly cipherSuites?: readonly string[];
  readonly minVersion?: 'TLS_V1_2' | 'TLS_V1_3';
  readonly maxVersion?: 'TLS_V1_2' | 'TLS_V1_3';
  readonly keyExchangeGroups?: readonly string[];
}

export interface Route {
  readonly kind: 'route';
  readonly key: string;
  /** Key of the listener. */
  readonly listener: string;
  readonly name: { readonly namespace: string; readonly name: string };
  /** Place in the source: breaks ties between equally specific matches, lower first. */
  readonly order: number;
  /** Exact or `*.suffix`; empty is any. */
  readonly hostnames: readonly string[];
  /** ORed; empty never matches. */
  readonly matches: readonly RouteMatch[];
  readonly backends: readonly RouteBackend[];
  readonly policies: readonly TrafficPolicy[];
}

/** All conditions hold (spec 02 §3.6). */
export interface RouteMatch {
  readonly path: PathMatch;
  readonly method?: string;
  readonly headers: readonly NamedMatch[];
  readonly query: readonly NamedMatch[];
}

export type PathMatch =
  | { readonly exact: string }
  | { readonly pathPrefix: string }
  | { readonly regex: string }
  | { readonly invalid: true };

/** `name` is a header name in lower case, a pseudo header (`:method :scheme :authority :path`), or a query parameter. */
export interface NamedMatch {
  readonly name: string;
  readonly value: { readonly exact: string } | { readonly regex: string } | { readonly invalid: true };
}

export interface RouteBackend {
  readonly weight: number;
  readonly target: { readonly backend: string } | { readonly invalid: true };
  /** Of this reference, then those that the route gives to all its backends. First of a kind wins. */
  readonly policies: readonly BackendPolicy[];
}

export interface Backend {
  readonly kind: 'backend';
  /** `<namespace>/<name>`; local ones have an empty namespace. */
  readonly key: string;
  readonly name: { readonly namespace: string; readonly name: string };
  readonly target: BackendTarget;
  readonly policies: readonly BackendPolicy[];
}

export type BackendTarget =
  | { readonly type: 'host'; readonly address: Address }
  | { readonly type: 'dynamic' }
  | { readonly type: 'ai'; readonly groups: readonly (readonly AiProvider[])[] }
  | { readonly type: 'invalid' }
  /** A kind that only an extension knows (tests). */
  | { readonly type: 'extension'; readonly name: string; readonly options: Readonly<Record<string, unknown>> };

/** An expression, as its text; the member marks it, so that a state without any never loads the language (spec 04). */
export interface Expression {
  readonly $cel: string;
}

/**
 * A service that a policy asks (spec 03 §3.3): an address, or the key of a backend. The member with the `$` marks it, so that all
 * references in a policy's specification are found without knowing the policy.
 */
export interface BackendReference {
  readonly $backend: { readonly address: Address } | { readonly backend: string };
  /** Of this reference; they go before the backend's own. */
  readonly policies: readonly BackendPolicy[];
}

/** Where to connect. `host` is a name or an IP literal without brackets. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** One provider of an `ai` backend (spec 05 §2.1). */
export interface AiProvider {
  readonly name: string;
  readonly provider: { readonly type: 'openAI'; readonly model?: string };
  readonly hostOverride?: Address;
  readonly pathOverride?: string;
  readonly pathPrefix?: string;
  readonly policies: readonly BackendPolicy[];
}

/** A policy that lives beside the tree and names what it is for. */
export interface TargetedPolicy {
  readonly kind: 'policy';
  readonly key: string;
  readonly target: PolicyTarget;
  readonly policy:
    | { readonly family: 'traffic'; readonly phase: 'gateway' | 'route'; readonly policy: TrafficPolicy }
    | { readonly family: 'backend'; readonly policy: BackendPolicy }
    | { readonly family: 'frontend'; readonly policy: FrontendPolicy };
}

export type PolicyTarget =
  | {
      readonly gateway: {
        readonly name: string;
        readonly namespace: string;
        readonly listener?: string;
        readonly port?: number;
      };
    }
  | { readonly route: { readonly name: string; readonly namespace: string } }
  | { readonly backend: { readonly name: string; readonly namespace: string; readonly section?: string } };

/** What changed between two states of the store, by key. */
export interface ResourceDelta {
  readonly upserts: readonly Resource[];
  readonly removals: readonly ResourceId[];
}

export interface ResourceId {
  readonly kind: ResourceKind;
  readonly key: string;
}
