/** `cors` as a resource (spec 03 §7.1). A list that holds `*` means all. */
export interface CorsSpec {
  /** Patterns `scheme://host[:port]`; the host may hold `*`. */
  readonly allowOrigins: readonly string[];
  readonly allowMethods: readonly string[];
  readonly allowHeaders: readonly string[];
  readonly exposeHeaders: readonly string[];
  readonly allowCredentials: boolean;
  /** Whole seconds that a browser may keep the answer to a preflight. */
  readonly maxAge?: number;
}
