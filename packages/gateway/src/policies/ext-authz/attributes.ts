import { randomBytes } from 'node:crypto';
import type { AttributeContextSchema } from '@agentgateway/protos';
import type { JsonObject, JsonValue, MessageInitShape } from '@bufbuild/protobuf';
import type { Exchange } from '../../pipeline/exchange.ts';
import { peerIdentity } from '../../pipeline/peer-identity.ts';
import { fromBytes } from '../../resources/routing/text.ts';
import type { ShownBody } from './body.ts';

/** What of requests a service is shown. */
export interface Shown {
  /** Names in lower case, pseudo names among them; empty is all. */
  readonly headers: readonly string[];
  readonly context: Readonly<Record<string, string>>;
  readonly packAsBytes: boolean;
}

/**
 * What a service is told of a request (spec 03 §5.2).
 *
 * @param maps Of the policy's expressions, by the name of a filter; null where it has none, then the verified token is told.
 */
export function attributesOf(
  exchange: Exchange,
  body: ShownBody | null,
  shown: Shown,
  maps: Readonly<Record<string, object>> | null,
): MessageInitShape<typeof AttributeContextSchema> {
  const { request, connection, record } = exchange;
  const { remoteAddress, remotePort, localAddress, localPort, tls } = connection;
  return {
    source: {
      address: socketAddress(remoteAddress, remotePort),
      principal: peerIdentity(connection)?.spiffeId ?? '',
    },
    destination: { address: socketAddress(localAddress, localPort) },
    request: {
      time: timestamp(record.startedAtEpoch),
      http: {
        id: request.headers.get('traceparent') ?? newTraceparent(),
        method: request.method,
        headers: headersOf(exchange, shown.headers),
        path: request.path,
        host: request.authority,
        scheme: schemeOf(exchange),
        protocol: request.version === 'HTTP/2.0' ? 'HTTP/2' : request.version,
        ...(body === null ? {} : contentOf(body, shown.packAsBytes)),
      },
    },
    contextExtensions: shown.context,
    metadataContext: { filterMetadata: filterMetadata(exchange, maps) },
    ...(tls === null ? {} : { tlsSession: { sni: tls.sni } }),
  };
}

function socketAddress(address: string, port: number) {
  return {
    address: {
      case: 'socketAddress' as const,
      value: { address, portSpecifier: { case: 'portValue' as const, value: port } },
    },
  };
}

function timestamp(epoch: number) {
  const seconds = Math.floor(epoch / 1000);
  return { seconds: BigInt(seconds), nanos: Math.floor((epoch - seconds * 1000) * 1e6) };
}

/** For requests that nobody traces (W3C Trace Context §3.2): not sampled. */
function newTraceparent(): string {
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-00`;
}

/** Behind a proxy that ends TLS, an HTTP/1 request says what the client's scheme was. */
function schemeOf({ request, connection }: Exchange): string {
  if (connection.tls !== null || request.version === 'HTTP/2.0') return request.scheme;
  const told = request.headers.get('x-forwarded-proto')?.toLowerCase();
  return told === 'https' || told === 'http' ? told : request.scheme;
}

function headersOf(exchange: Exchange, names: readonly string[]): Record<string, string> {
  const { request } = exchange;
  const all = names.length === 0;
  // Names are the client's: none of them may be one of the prototype's.
  const found: Record<string, string> = Object.create(null);
  const wanted = all ? null : new Set(names);
  const pseudo = { ':method': request.method, ':scheme': schemeOf(exchange), ':path': request.path };
  for (const [name, value] of Object.entries(pseudo)) if (wanted?.has(name) !== false) found[name] = value;
  if (wanted?.has(':authority') !== false) found[':authority'] = request.authority;
  if (wanted?.has('host')) found.host = request.authority;
  for (const [name, value] of request.headers) {
    if (wanted?.has(name) === false) continue;
    const before = found[name];
    const text = fromBytes(value).toWellFormed();
    found[name] = before === undefined ? text : `${before}${name === 'cookie' ? '; ' : ', '}${text}`;
  }
  return found;
}

function contentOf({ bytes, partial }: ShownBody, packAsBytes: boolean) {
  const size = partial ? -1n : BigInt(bytes.length);
  return packAsBytes ? { size, rawBody: bytes } : { size, body: bytes.toString('utf8') };
}

function filterMetadata({ jwt }: Exchange, maps: Readonly<Record<string, object>> | null): Record<string, JsonObject> {
  if (maps !== null) return struct(maps) as Record<string, JsonObject>;
  if (jwt === null) return {};
  return { 'envoy.filters.http.jwt_authn': { jwt_payload: struct(jwt.claims) } };
}

/** Numbers of a `Struct` are doubles. */
function struct(value: unknown): JsonValue {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(struct);
  if (typeof value !== 'object' || value === null) return value as JsonValue;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, struct(member)]));
}
