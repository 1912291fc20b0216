import type { BackendReference, Expression } from '../../resources/model.ts';

/** How a body reaches the processor (spec 03 §5.3). */
export type BodyMode = 'none' | 'buffered' | 'bufferedPartial' | 'fullDuplexStreamed';

/** What of one message the processor is sent. */
export interface Modes {
  readonly headers: boolean;
  readonly body: BodyMode;
  readonly trailers: boolean;
}

/** `extProc` as a resource (spec 03 §5.3). */
export interface ExtProcSpec {
  /** The processor. */
  readonly target: BackendReference;
  readonly failureMode: 'failClosed' | 'failOpen';
  /** Namespace to key to expression. */
  readonly metadataContext: Readonly<Record<string, Readonly<Record<string, Expression>>>>;
  readonly requestAttributes: Readonly<Record<string, Expression>>;
  readonly responseAttributes: Readonly<Record<string, Expression>>;
  readonly request: Modes;
  readonly response: Modes;
  /** The processor may change what it is sent. */
  readonly allowModeOverride: boolean;
}
