import type { Secret } from '../../../resources/secret.ts';
import type { CredentialLocation } from '../../credential-location.ts';
import type { SigningAlgorithm } from '../oauth/signing-key.ts';

/** `jwtSign` as a resource: a token that the gateway signs itself (spec 03 §8.4). */
export interface JwtSignSpec {
  /** A private key in PEM. */
  readonly signingKey: Secret;
  readonly alg: SigningAlgorithm;
  readonly kid?: string;
  /** Without `iat`, `exp` and `nbf`, which are the gateway's. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** Milliseconds. */
  readonly ttl: number;
  /** Absent is `authorization: Bearer …`, which a provider may move to where it wants it. */
  readonly location?: CredentialLocation;
}
