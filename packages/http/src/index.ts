export { Abort } from './abort.ts';
export { type Body, type BodyConsumer, type BodyStream, BodyTooLarge, collect, isStream } from './body.ts';
export type { ClientConnection, ResponseHandler } from './client/connection.ts';
export { Headers } from './headers.ts';
export { type HttpVersion, Request, Response } from './message.ts';
export {
  defaultServerOptions,
  type Handler,
  type Reply,
  type ServedConnection,
  type ServerOptions,
} from './server/handler.ts';
export type { ConnectionInfo, TlsInfo, Transport, TransportHandler } from './transport.ts';
