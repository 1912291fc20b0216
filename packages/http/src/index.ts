export { Abort } from './abort.ts';
export { type Body, type BodyConsumer, type BodyStream, BodyTooLarge, collect, isStream } from './body.ts';
export type { ClientConnection, ResponseHandler } from './client/connection.ts';
export { DuplexTransport, TransportDuplex } from './duplex-transport.ts';
export { DecodingError, decodeBody, encodeBody } from './encoding/body.ts';
export { type ContentCoding, contentEncoding } from './encoding/encoding.ts';
export { Http2StreamError } from './h2/body.ts';
export { Http2ClientConnection, type Http2ClientOptions } from './h2/client.ts';
export { Headers } from './headers.ts';
export { type HttpVersion, Request, Response } from './message.ts';
export {
  defaultServerOptions,
  type Handler,
  type Reply,
  type ServedConnection,
  type ServerOptions,
} from './server/handler.ts';
export {
  canonicalAddress,
  type Listening,
  type ListenOptions,
  type ListenTarget,
  listen,
  nextConnectionId,
} from './server/listen.ts';
export { serveConnection } from './server/server.ts';
export {
  type ConnectOptions,
  type ConnectTarget,
  ConnectTimeout,
  connectTcp,
  SocketTransport,
  type TcpKeepAlive,
} from './socket-transport.ts';
export { type Splice, splice } from './splice.ts';
export {
  type ClientTlsOptions,
  type ConnectedTls,
  type ConnectTlsOptions,
  connectTls,
  prepareTls,
  TlsVerifyError,
  tlsKey,
} from './tls/client.ts';
export { type ClientHello, parseClientHello } from './tls/client-hello.ts';
export { TlsConfigError, type TlsVersion } from './tls/names.ts';
export {
  type AcceptedTls,
  type AcceptTlsOptions,
  acceptTls,
  createServerContext,
  readClientHello,
  type ServerContext,
  type ServerTlsOptions,
  TlsHandshakeError,
} from './tls/server.ts';
export type { ConnectionInfo, TlsInfo, Transport, TransportHandler } from './transport.ts';
