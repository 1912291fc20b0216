/** `requestMirror` as a resource (spec 02 §3.7). */
export interface RequestMirrorSpec {
  /** Key of the backend that gets the copies. */
  readonly backend: string;
  /** Share of the requests that are copied, from 0 to 1. */
  readonly percentage: number;
}
