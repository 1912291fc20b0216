/** A token that was verified: by `jwtAuth`, by `oidc`. */
export interface VerifiedToken {
  readonly claims: Readonly<Record<string, unknown>>;
  /** As the client sent it, without its prefix. */
  readonly token: string;
}

/** A key that `apiKey` knows. */
export interface KnownApiKey {
  /** As the client sent it. */
  readonly key: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Null is every model. */
  readonly allowedModels: readonly string[] | null;
}
