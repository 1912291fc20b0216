import type { Secret } from '../../resources/secret.ts';

/** `backendTLS` as a resource; an empty object verifies with the system's roots (spec 02 §3.16). */
export interface BackendTlsSpec {
  /** PEM. */
  readonly cert?: string;
  /** PEM. */
  readonly key?: Secret;
  /** PEM; absent is the system's roots. */
  readonly root?: string;
  /** Name to send and to verify; absent is the target's. */
  readonly hostname?: string;
  readonly insecure?: boolean;
  readonly insecureHost?: boolean;
  readonly alpn?: readonly string[];
  readonly subjectAltNames?: readonly string[];
  readonly keyExchangeGroups?: readonly string[];
}
