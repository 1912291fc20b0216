/** What went wrong, for code that must tell errors apart. */
export type ErrorKind =
  | 'no-such-key'
  | 'undeclared'
  | 'no-overload'
  | 'argument-count'
  | 'type'
  | 'divide-by-zero'
  | 'overflow'
  | 'unsupported'
  | 'not-comparable'
  | 'index'
  | 'key'
  | 'struct'
  | 'function'
  | 'conversion'
  | 'limit'
  | 'internal';

/**
 * An error as a value: operators and functions return it instead of throwing, because most errors (a claim that is not there)
 * are ordinary answers that a use site turns into `false` or nothing. The text is made when somebody reads it.
 */
export class CelError {
  readonly kind: ErrorKind;
  readonly #text: string | (() => string);

  constructor(kind: ErrorKind, text: string | (() => string)) {
    this.kind = kind;
    this.#text = text;
  }

  /** As in spec 04 §3.7, without the `execution: ` that use sites put before it. */
  get message(): string {
    return typeof this.#text === 'string' ? this.#text : this.#text();
  }
}

/** `No such key: K`, made once per selector of an expression. */
export function noSuchKey(name: string): CelError {
  return new CelError('no-such-key', () => `No such key: ${name}`);
}

/** `Undeclared reference to 'N'`. */
export function undeclared(name: string): CelError {
  return new CelError('undeclared', () => `Undeclared reference to '${name}'`);
}

/** `No such overload`: an operand of `!`, `&&`, `||` or `?:` is no bool. */
export const noSuchOverload = new CelError('no-overload', 'No such overload');

/** A receiver-only function called without one. */
export const missingTarget = new CelError('argument-count', 'Missing argument or target');

/** `Foo{}` parses, and fails only where it is evaluated. */
export const structUnsupported = new CelError('struct', 'Struct syntax is not supported');

/** The evaluation did more work than its budget allows. */
export const costExceeded = new CelError('limit', 'Evaluation limit exceeded');

/** `Invalid argument count: expected E, got A`. */
export function argumentCount(expected: number, got: number): CelError {
  return new CelError('argument-count', () => `Invalid argument count: expected ${expected}, got ${got}`);
}

/** `Error executing function 'F': M`. */
export function functionError(name: string, message: string | (() => string)): CelError {
  return new CelError('function', () => {
    const text = typeof message === 'string' ? message : message();
    return `Error executing function '${name}': ${text}`;
  });
}
