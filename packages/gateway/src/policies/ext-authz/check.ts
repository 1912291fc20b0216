import type { Abort } from '@agentgateway/http';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { ShownBody } from './body.ts';
import type { Verdict } from './verdict.ts';

/** One question to the service. */
export interface Question {
  readonly exchange: Exchange;
  /** Null where the service is not shown it. */
  readonly body: ShownBody | null;
  /** Aborted with the exchange, and when the request's time is over: then there is nobody to let in or to turn away. */
  readonly abort: Abort;
}

/**
 * Asks the service, in the protocol that it speaks.
 *
 * @throws GatewayError where the request cannot even be asked about: then the failure mode does not matter.
 */
export type Check = (question: Question) => Promise<Verdict>;

/** Bytes that an answer's body may have to be remembered. */
export const MAX_REMEMBERED_BODY = 8192;
