import type { Secret } from '../../resources/secret.ts';
import type { CredentialSource } from '../credential-location.ts';

/** `basicAuth` as a resource (spec 03 §4.2). */
export interface BasicAuthSpec {
  readonly realm: string;
  readonly mode: 'strict' | 'optional';
  readonly location: CredentialSource;
  /** One entry per user. */
  readonly users: readonly BasicAuthUser[];
}

export interface BasicAuthUser {
  readonly name: string;
  /** As it stands in the htpasswd file. */
  readonly hash: Secret;
}
