import type { Secret } from '../../resources/secret.ts';
import type { CredentialLocation } from '../credential-location.ts';

/** `backendAuth` as a resource: which credential the gateway shows to the upstream. */
export interface BackendAuthSpec {
  readonly key: {
    readonly value: Secret;
    /** Absent is `authorization: Bearer …`, which a provider may move to where it wants it. */
    readonly location?: CredentialLocation;
  };
}
