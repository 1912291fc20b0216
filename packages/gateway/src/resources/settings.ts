import type { Keepalives } from '../policies/frontend-tcp/spec.ts';
import type { Expression } from './model.ts';
import type { Secret } from './secret.ts';

/** What is read once at start: the `config` section and the environment over it (spec 01 §2.4). Milliseconds, bytes. */
export interface Settings {
  readonly enableIpv6: boolean;
  readonly adminAddr: ServerAddress;
  readonly statsAddr: ServerAddress;
  readonly readinessAddr: ServerAddress;
  readonly workerThreads: number;
  /** Whether queries carry EDNS0; absent is as the system's resolver is set. */
  readonly dnsEdns0?: boolean;
  readonly dnsLookupFamily: 'All' | 'Auto' | 'V4Preferred' | 'V4Only' | 'V6Only';
  /** Longest drain. */
  readonly terminationDeadline: number;
  /** Shortest drain: how long connections are still accepted. */
  readonly minTerminationDeadline: number;
  readonly backend: {
    readonly connectTimeout: number;
    readonly poolIdleTimeout: number;
    /** Idle connections kept per upstream; absent is unlimited. */
    readonly poolMaxSize?: number;
    readonly keepalives: Keepalives;
  };
  readonly logging: { readonly format: 'text' | 'json'; readonly level: string };
  readonly metrics: {
    /** Fixed buckets, exponential ones, or both. */
    readonly histograms: 'classic' | 'native' | 'both';
    /** Names of metrics that are not counted. */
    readonly remove: readonly string[];
    /** Labels that metrics of requests have besides their own. */
    readonly fields: readonly (readonly [label: string, value: Expression])[];
  };
  /** 64 hexadecimal digits: AES-256-GCM key of session ids; absent is a random one per process. */
  readonly sessionKey?: Secret;
  /** Names in lower case of request headers that are shown to nobody, besides `authorization` and `proxy-authorization`. */
  readonly sensitiveHeaders: readonly string[];
  /** What expressions see as `env`: `podName`, `namespace`, `gateway`, as far as the process is told. */
  readonly environment: Readonly<Record<string, string>>;
  /** Definitions of functions that expressions may call (spec 04 §5.9). */
  readonly customFunctions?: string;
  readonly otlp: OtlpSettings;
}

/** What all exporters of traces and logs have in common (spec 10 §5.5, §5.7). */
export interface OtlpSettings {
  /** Attributes of the resource that policies do not say otherwise, `service.name` among them. */
  readonly resource: Readonly<Record<string, string>>;
  readonly spans: BatchSettings;
  readonly logs: BatchSettings;
}

/** How exporters batch. Milliseconds. */
export interface BatchSettings {
  /** Items held while the receiver is slow or gone. */
  readonly maxQueueSize: number;
  readonly maxExportBatchSize: number;
  /** From the first item of a batch that is not full until it is sent. */
  readonly scheduleDelay: number;
  /** For one batch, all tries included. */
  readonly exportTimeout: number;
}

/** Where a server of the gateway itself listens (spec 01 §2.2). */
export type ServerAddress =
  | { readonly off: true }
  | { readonly path: string }
  /** Several hosts for `localhost`. */
  | { readonly hosts: readonly string[]; readonly port: number };
