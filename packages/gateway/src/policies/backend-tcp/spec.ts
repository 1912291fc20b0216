import type { Keepalives } from '../frontend-tcp/spec.ts';

/** A backend's `tcp` as a resource: in place of what `config.backend` says for all. */
export interface BackendTcpSpec {
  readonly keepalives: Keepalives;
  /** Milliseconds for connecting, TLS included. */
  readonly connectTimeout: number;
}
