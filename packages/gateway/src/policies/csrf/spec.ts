/** `csrf` as a resource (spec 03 §7.2). */
export interface CsrfSpec {
  /** Origins besides the gateway's own that may send requests that change something; compared as they are. */
  readonly additionalOrigins: readonly string[];
}
