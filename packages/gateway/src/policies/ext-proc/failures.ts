import { UpstreamError } from '@agentgateway/http';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Failure } from './machine.ts';

/** Why the processor has no more part in an exchange. */
export interface Loss {
  readonly reason: string;
  readonly unsent: boolean;
  /** For the log: may name addresses. */
  readonly logDetail?: string;
}

/** What the end of the stream with an error means. */
export function lossOf(error: Error): Loss {
  return { reason: 'the processor cannot be asked', unsent: neverSent(error), logDetail: detailOf(error) };
}

function detailOf(error: Error): string {
  return error instanceof GatewayError && error.logDetail !== undefined
    ? `${error.message}: ${error.logDetail}`
    : error.message;
}

/** True where the call failed before a connection stood. */
function neverSent(error: Error): boolean {
  if (!(error instanceof GatewayError)) return false;
  if (error.code === 'dnsFailed' || error.code === 'backendDoesNotExist') return true;
  const { cause } = error;
  return cause instanceof UpstreamError && unconnected.has(cause.kind);
}

const unconnected: ReadonlySet<UpstreamError['kind']> = new Set(['Connect', 'ConnectTimeout', 'Tls', 'Tunnel', 'Dns']);

/** A failure of a message in the gateway's own words. @param response Whether it is the response's. @param logDetail Of the loss, for the log. */
export function worded(failure: Failure, response: boolean, logDetail: string | undefined): GatewayError {
  switch (failure.kind) {
    case 'processor':
      return new GatewayError('extProcFailed', {
        detail: failure.detail,
        ...(logDetail === undefined ? {} : { logDetail }),
      });
    case 'tooLarge':
      return response
        ? new GatewayError('extProcFailed', { detail: `the response is larger than ${failure.limit} bytes` })
        : new GatewayError('bodyTooLarge');
    case 'source': {
      const { error } = failure;
      if (error instanceof GatewayError) return error;
      const code = response ? 'upstreamCallFailed' : 'invalidRequest';
      const detail = response ? 'the response was cut off' : 'the body broke off';
      return new GatewayError(code, { detail, logDetail: error.message, cause: error });
    }
  }
}
