/** `directResponse` as a resource. */
export interface DirectResponseSpec {
  readonly status: number;
  /** Base64. */
  readonly body: string;
}
