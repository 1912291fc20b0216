export { Abort } from './abort.ts';
export { type Body, type BodyConsumer, type BodyStream, BodyTooLarge, collect, isStream } from './body.ts';
export type { ClientConnection, ResponseHandler } from './client/connection.ts';
export { defaultHttp1ClientOptions, Http1ClientConnection, type Http1ClientOptions } from './h1/client.ts';
export { IncompleteMessage, MalformedMessage, UnwritableMessage } from './h1/errors.ts';
export { serveHttp1 } from './h1/server.ts';
export { Headers } from './headers.ts';
export { MemoryTransport, type MemoryTransportOptions } from './memory-transport.ts';
export { type HttpVersion, Request, Response } from './message.ts';
export {
  defaultServerOptions,
  type Handler,
  type Reply,
  type ServedConnection,
  type ServerOptions,
} from './server/handler.ts';
export type { ConnectionInfo, TlsInfo, Transport, TransportHandler } from './transport.ts';
