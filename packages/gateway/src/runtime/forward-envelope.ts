import type { HttpVersion, Request } from '@agentgateway/http';
import type { Forwarding } from './forward.ts';

/**
 * The field that carries what HTTP/1.1 cannot. It means something on a worker's private socket only, and there it is
 * always the sender's: a client's field of this name is replaced.
 */
export const FORWARD_FIELD = 'agentgateway-forwarded';

/** A forwarded request's outside. */
export interface Envelope {
  readonly kind: string;
  readonly scheme: string;
  readonly authority: string;
  readonly version: HttpVersion;
  readonly forwarding: Forwarding;
}

/** The field's value: base64url of JSON, since names and claims may have any character. */
export function sealEnvelope(kind: string, request: Request, { connection, ...rest }: Forwarding): string {
  const { tls, ...info } = connection;
  const { scheme, authority, version } = request;
  const envelope = {
    kind,
    scheme,
    authority,
    version,
    ...rest,
    connection: { ...info, tls: tls === null ? null : { sni: tls.sni, alpn: tls.alpn } },
  };
  return Buffer.from(JSON.stringify(envelope)).toString('base64url');
}

/** Null for what no worker has written. */
export function openEnvelope(field: string): Envelope | null {
  const sealed = parse(field);
  if (sealed === null) return null;
  const { kind, scheme, authority, version, bind, listener, attributes, connection } = sealed;
  const tls = connection.tls === null ? null : { ...connection.tls, peerCertificate: () => null };
  return {
    kind,
    scheme,
    authority,
    version,
    forwarding: { bind, listener, attributes, connection: { ...connection, tls } },
  };
}

function parse(field: string): Sealed | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(field, 'base64url').toString());
    return typeof value === 'object' && value !== null && 'connection' in value ? (value as Sealed) : null;
  } catch {
    return null;
  }
}

type Sealed = Omit<Envelope, 'forwarding'> &
  Omit<Forwarding, 'connection'> & {
    readonly connection: Omit<Forwarding['connection'], 'tls'> & {
      readonly tls: { readonly sni: string; readonly alpn: string | null } | null;
    };
  };
