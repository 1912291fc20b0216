import type { Gate } from './play.ts';

/** Where a stream tells its usage: both habits of providers and what OpenAI does. */
export const usagePlaces = ['own', 'last', 'every', 'none'] as const;

/**
 * - `own`: a chunk of its own without choices, if `stream_options.include_usage` asks for it, as OpenAI does
 * - `last`: in the chunk with the finish reason, asked for or not
 * - `every`: in every chunk, counting upwards, asked for or not
 * - `none`: never
 */
export type UsagePlace = (typeof usagePlaces)[number];

export interface SimulatorOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Keys that are good; default is {@link defaultKey} alone. */
  readonly keys?: readonly string[];
  /** Pace of streams; default 0, as fast as the client reads. */
  readonly tokensPerSecond?: number;
  /** Default `own`. */
  readonly usage?: UsagePlace;
  /** Names that `/v1/models` lists; any name is answered. */
  readonly models?: readonly string[];
  /** Asked before each piece of every answer's body: a test decides when it goes. */
  readonly gate?: Gate;
  /** Milliseconds since the epoch, for `Retry-After` as a date. Default is the machine's clock. */
  readonly now?: () => number;
  /** Requests that are remembered, the newest; default 1000. */
  readonly keep?: number;
}

/** The key that is good if no other was named. */
export const defaultKey = 'sk-simulator';

export const defaultModels: readonly string[] = ['sim-large', 'sim-small', 'gpt-4o-mini'];
