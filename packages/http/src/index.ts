export { Abort } from './abort.ts';
export { type Body, type BodyConsumer, type BodyStream, BodyTooLarge, collect, isStream } from './body.ts';
export { Upgraded } from './client/call.ts';
export type { ClientConnection, ResponseHandler, Retry } from './client/connection.ts';
export type { Connector, Endpoint } from './client/connector.ts';
export {
  Destination,
  type DestinationOptions,
  type DestinationTls,
  type Keepalive,
  type Target,
  type TransportName,
  type TunnelProxy,
  type VersionPolicy,
  type Wire,
} from './client/destination.ts';
export { Dialer, type DialerOptions, destinationTls } from './client/dial.ts';
export { UpstreamError, type UpstreamErrorFacts, type UpstreamErrorKind, upstreamErrors } from './client/errors.ts';
export { type PoolCounters, type PoolOptions, type SendOptions, UpstreamPool } from './client/pool.ts';
export { REPLAY_LIMIT, type Replayable, replayable } from './client/replay.ts';
export { type Clock, systemClock, type Timer } from './clock.ts';
export { HostsFile } from './dns/hosts-file.ts';
export { addressOf, normalizeName } from './dns/name.ts';
export { AddressSet, Dns, DnsError, type DnsOptions, type HostResolver, type LookupFamily } from './dns/resolver.ts';
export { type Answer, type DnsQuery, type SearchRules, SystemDns } from './dns/system.ts';
export { DuplexTransport, TransportDuplex } from './duplex-transport.ts';
export { DecodingError, decodeBody, encodeBody } from './encoding/body.ts';
export { type ContentCoding, contentEncoding } from './encoding/encoding.ts';
export { defaultHttp1ClientOptions, Http1ClientConnection, type Http1ClientOptions } from './h1/client.ts';
export { IncompleteMessage, MalformedMessage, UnwritableMessage } from './h1/errors.ts';
export { serveHttp1 } from './h1/server.ts';
export { Http2StreamError } from './h2/body.ts';
export { Http2ClientConnection, type Http2ClientOptions } from './h2/client.ts';
export { Headers } from './headers.ts';
export { MemoryTransport, type MemoryTransportOptions } from './memory-transport.ts';
export { type HttpVersion, Request, Response } from './message.ts';
export { PassingBody } from './passing-body.ts';
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
  setKeepAlive,
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
