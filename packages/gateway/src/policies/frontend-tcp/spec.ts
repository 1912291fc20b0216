/** TCP keepalive; times in milliseconds. */
export interface Keepalives {
  readonly enabled: boolean;
  readonly time: number;
  readonly interval: number;
  readonly retries: number;
}

/** `frontendPolicies.tcp` as a resource. */
export interface FrontendTcpSpec {
  readonly keepalives: Keepalives;
}
