import type { Exchange } from '../../pipeline/exchange.ts';
import type { ShownBody } from './body.ts';
import type { Verdict } from './verdict.ts';

/**
 * Asks the service, in the protocol that it speaks.
 *
 * @param body Null where the service is not shown it.
 * @throws GatewayError where the request cannot even be asked about: then the failure mode does not matter.
 */
export type Check = (exchange: Exchange, body: ShownBody | null) => Promise<Verdict>;

/** Bytes that an answer's body may have to be remembered. */
export const MAX_REMEMBERED_BODY = 8192;
