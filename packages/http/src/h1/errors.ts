/**
 * What came is not HTTP/1 as RFC 9112 has it, or is more of it than allowed. The connection cannot be used any more,
 * because nobody knows where the next message begins.
 */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
  /** The answer to a request that is like this: 400, 417, 431, 501 or 505. */
  readonly status: number;
  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}

/** A message was to be written that cannot be: a name, value or target that would break the framing. */
export class UnwritableMessage extends Error {
  override readonly name = 'UnwritableMessage';
}

/** The peer has gone, or has broken its promise about a length, before a message was whole. */
export class IncompleteMessage extends Error {
  override readonly name = 'IncompleteMessage';
}
