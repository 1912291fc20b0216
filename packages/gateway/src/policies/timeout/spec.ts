/** `timeout` as a resource; milliseconds, absent is none (spec 02 §3.13). */
export interface TimeoutSpec {
  /** From the start of the request to the response's headers, over all tries. */
  readonly requestTimeout?: number;
  /** One try: connection, request, response headers. */
  readonly backendRequestTimeout?: number;
}
