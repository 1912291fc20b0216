/** `buffer` as a resource (spec 02 §3.14). */
export interface BufferSpec {
  readonly request?: BufferBodySpec;
  readonly response?: BufferBodySpec;
}

export interface BufferBodySpec {
  /** Bytes; absent is the limit of the connection. */
  readonly maxBytes?: number;
  readonly failureMode: 'failClosed' | 'failOpen';
}
