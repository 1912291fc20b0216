import { BodyTooLarge, isStream } from '@agentgateway/http';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { hold } from '../../pipeline/hold.ts';
import type { IncludeBodySpec } from './spec.ts';

/** What a service is shown of a request's body. */
export interface ShownBody {
  readonly bytes: Buffer;
  /** True: it goes on. */
  readonly partial: boolean;
}

const nothing: ShownBody = { bytes: Buffer.alloc(0), partial: false };

/**
 * Takes a look at the beginning of the request's body and puts it back: the upstream gets all of it.
 *
 * @throws GatewayError `extAuthzBodyTooLarge` where it is longer than may be shown and must be shown whole, `invalidRequest` if it
 * broke off; the reason of the exchange's end.
 */
export function peekBody({ request, upgrade, abort }: Exchange, spec: IncludeBodySpec): ShownBody | Promise<ShownBody> {
  const { maxRequestBytes: limit, allowPartialMessage } = spec;
  const { body } = request;
  if (body === null || upgrade !== null) return nothing;
  if (!isStream(body)) {
    if (body.length <= limit) return { bytes: body, partial: false };
    if (!allowPartialMessage) throw new GatewayError('extAuthzBodyTooLarge');
    return { bytes: body.subarray(0, limit), partial: true };
  }
  const refuse = (rest: typeof body) => {
    rest.cancel(new BodyTooLarge(limit));
    throw new GatewayError('extAuthzBodyTooLarge');
  };
  // One that says that it is too long need not be waited for.
  if (!allowPartialMessage && body.length !== undefined && body.length > limit) return refuse(body);
  return hold(body, limit, abort).then(
    (held) => {
      if (held.whole) {
        request.body = held.body;
        return { bytes: held.bytes, partial: false };
      }
      if (!allowPartialMessage) return refuse(held.body);
      request.body = held.body;
      return { bytes: held.bytes.subarray(0, limit), partial: true };
    },
    (error: Error) => {
      throw abort.reason ?? brokenOff(error);
    },
  );
}

function brokenOff(error: Error): GatewayError {
  return new GatewayError('invalidRequest', {
    detail: 'the body broke off',
    logDetail: error.message,
    cause: error,
  });
}
