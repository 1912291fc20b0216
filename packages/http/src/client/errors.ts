/** What went wrong with an upstream call. */
export type UpstreamErrorKind =
  | 'Connect'
  | 'ConnectTimeout'
  | 'Tls'
  | 'Tunnel'
  | 'Dns'
  | 'SendRequest'
  | 'Protocol'
  | 'Timeout'
  | 'Canceled'
  | 'Overflow'
  | 'Closed';

/** What a kind of error means to whoever answers the client. */
export interface UpstreamErrorFacts {
  /** The word in `upstream call failed: WORD: cause` (spec 02 §4.1). */
  readonly label: string;
  /** True where the answer is a 504. */
  readonly timeout: boolean;
  /** True where another try may go better (spec 02 §3.12). */
  readonly retryable: boolean;
}

/** The table of kinds. */
export const upstreamErrors: Readonly<Record<UpstreamErrorKind, UpstreamErrorFacts>> = {
  Connect: { label: 'Connect', timeout: false, retryable: true },
  ConnectTimeout: { label: 'ConnectTimeout', timeout: true, retryable: true },
  Tls: { label: 'Connect', timeout: false, retryable: true },
  Tunnel: { label: 'Connect', timeout: false, retryable: true },
  Dns: { label: 'Dns', timeout: false, retryable: true },
  SendRequest: { label: 'SendRequest', timeout: false, retryable: true },
  Protocol: { label: 'SendRequest', timeout: false, retryable: true },
  Timeout: { label: 'Timeout', timeout: true, retryable: true },
  Canceled: { label: 'Canceled', timeout: false, retryable: false },
  Overflow: { label: 'Overflow', timeout: false, retryable: false },
  Closed: { label: 'WaitCanceled', timeout: false, retryable: false },
};

/** A request got no response from its upstream. `cause` holds what was underneath. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly kind: UpstreamErrorKind;

  constructor(kind: UpstreamErrorKind, detail: string, cause?: Error) {
    super(`${upstreamErrors[kind].label}: ${detail}`, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }

  /** `error` as it is if it is one already, else wrapped as `kind`. */
  static from(error: Error, kind: UpstreamErrorKind): UpstreamError {
    return error instanceof UpstreamError ? error : new UpstreamError(kind, describe(error), error);
  }
}

/** An `AggregateError` of Node's `net` has no message of its own. */
function describe(error: Error): string {
  if (error.message !== '') return error.message;
  const code = (error as NodeJS.ErrnoException).code;
  return code ?? error.name;
}
