/** A backend's `http` as a resource (spec 02 §3.11, §3.13). */
export interface BackendHttpSpec {
  /** What is spoken to the backend, whatever the client speaks. */
  readonly version?: 'http1' | 'http2';
  /** Milliseconds that one attempt may take until its response's head; overrides the route's `backendRequestTimeout`. */
  readonly requestTimeout?: number;
}
