import type { Headers, Response } from '@agentgateway/http';

/** Codes of gRPC that this side gives itself. */
export const grpcCodes = {
  unknown: 2,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** A call was answered, with a status that is not OK, or with something that is not gRPC. */
export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  /** A code of gRPC: 1 to 16, or whatever the service says. */
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * What the head of an answer says of the call: an error if there will be no messages. Null is a call that goes on, and a call that ended
 * well with its head.
 */
export function judgeHead(response: Response): GrpcError | null {
  const { status, headers } = response;
  if (headers.has('grpc-status')) return readStatus(headers);
  if (status !== 200) return new GrpcError(ofHttpStatus(status), `the service answered with HTTP status ${status}`);
  const type = headers.get('content-type') ?? '';
  if (type.startsWith('application/grpc') && !type.startsWith('application/grpc-web')) return null;
  return new GrpcError(grpcCodes.unknown, `the service answered with content-type ${JSON.stringify(type)}`);
}

/** The status among trailers, or among headers where there is nothing else. Null is OK. */
export function readStatus(fields: Headers | null): GrpcError | null {
  const text = fields?.get('grpc-status');
  if (text === undefined) return new GrpcError(grpcCodes.unknown, 'the service ended the call without a status');
  const code = /^\d{1,9}$/.test(text) ? Number(text) : grpcCodes.unknown;
  if (code === 0) return null;
  return new GrpcError(code, decodeMessage(fields?.get('grpc-message') ?? ''));
}

/** Percent-encoded UTF-8; what cannot be decoded stays as it is. */
function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What an answer without a status of gRPC means, as gRPC's own table has it. */
function ofHttpStatus(status: number): number {
  switch (status) {
    case 400:
      return grpcCodes.internal;
    case 401:
      return grpcCodes.unauthenticated;
    case 403:
      return grpcCodes.permissionDenied;
    case 404:
      return grpcCodes.unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return grpcCodes.unavailable;
    default:
      return grpcCodes.unknown;
  }
}
