/**
 * A value that must never be shown: dumps, logs and errors print `<redacted>` for any object of this shape.
 *
 * It is plain data because resources are; the key is what marks it.
 */
export interface Secret {
  readonly $secret: string;
}

export function secret(value: string): Secret {
  return { $secret: value };
}
