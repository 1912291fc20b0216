import type { CredentialSource } from '../credential-location.ts';

/** `apiKey` as a resource: keys are hashed before they get here, so that no client's key is kept anywhere. */
export interface ApiKeySpec {
  readonly mode: 'strict' | 'optional' | 'permissive';
  readonly location: CredentialSource;
  /** True if the file did not say where: the vendors' own header names are accepted too. */
  readonly defaultLocation: boolean;
  readonly keys: readonly ApiKeyEntry[];
}

export interface ApiKeyEntry {
  /** SHA-256 of the key, 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** Any JSON; seen by expressions and logs as `apiKey.*`. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Model names or patterns that the key may use; absent is all, empty is none. */
  readonly allowedModels?: readonly string[];
}
