import { type BodyStream, type Headers, PassingBody } from '@agentgateway/http';
import type { RequestRecord } from '../telemetry/record.ts';
import { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';

/**
 * A response body on its way to the client: what its end says of the exchange goes into the record. A body that breaks is
 * the upstream's failure although its head was fine; of a gRPC call the status may stand in the trailers.
 */
export class WatchedBody extends PassingBody {
  readonly #exchange: Exchange;

  constructor(source: BodyStream, exchange: Exchange) {
    super(source);
    this.#exchange = exchange;
  }

  override onTrailers(trailers: Headers): void {
    if (this.#exchange.grpc) noteGrpcStatus(this.#exchange.record, trailers);
    super.onTrailers(trailers);
  }

  override onError(error: Error): void {
    const { record, abort } = this.#exchange;
    // Whoever words the break for the client has noted it; and where the client left, the upstream is not to blame.
    if (record.error === null && abort.reason === null) {
      const failure = new GatewayError('upstreamCallFailed', { detail: 'the response was cut off' });
      record.reason = failure.reason;
      record.error = `${failure.message} (${error.message})`;
    }
    super.onError(error);
  }
}

/** Notes the status of a gRPC call, if these headers or trailers tell it. */
export function noteGrpcStatus(record: RequestRecord, headers: Headers): void {
  const status = headers.get('grpc-status');
  if (status !== undefined && /^\d{1,3}$/.test(status)) record.grpcStatus = Number(status);
}
