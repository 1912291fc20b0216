/** A client's request is not what its dialect says. The message is for the client. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  /** Name of the field that is wrong, or null. */
  readonly param: string | null;
  constructor(message: string, param: string | null = null) {
    super(message);
    this.param = param;
  }
}
