import type { DetailedPeerCertificate } from 'node:tls';
import type { ConnectionInfo } from '@agentgateway/http';

/** What a client's verified certificate says (spec 04 §4.4). */
export interface PeerIdentity {
  /** The first `spiffe://` URI among the alternative names. */
  readonly spiffeId: string | null;
  /** Of a SPIFFE id `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`. */
  readonly workload: {
    readonly trustDomain: string;
    readonly namespace: string;
    readonly serviceAccount: string;
  } | null;
  readonly subjectAltNames: readonly string[];
  readonly issuer: string;
  readonly subject: string;
  readonly subjectCn: string | null;
  /** PEM. */
  readonly certificate: string;
}

/** Read once per connection: a certificate does not change. */
const known = new WeakMap<ConnectionInfo, { readonly identity: PeerIdentity | null }>();

/** Null where the client showed no certificate. */
export function peerIdentity(connection: ConnectionInfo): PeerIdentity | null {
  let entry = known.get(connection);
  if (entry === undefined) {
    const certificate = connection.tls?.peerCertificate() ?? null;
    entry = { identity: certificate === null ? null : read(certificate) };
    known.set(connection, entry);
  }
  return entry.identity;
}

function read(certificate: DetailedPeerCertificate): PeerIdentity {
  const names = alternativeNames(certificate.subjectaltname ?? '');
  const spiffeId = names.find((name) => name.startsWith('spiffe://')) ?? null;
  // Workloads often have no subject at all.
  const CN = certificate.subject?.CN;
  return {
    spiffeId,
    workload: spiffeId === null ? null : workloadOf(spiffeId),
    subjectAltNames: names,
    issuer: distinguishedName(certificate.issuer),
    subject: distinguishedName(certificate.subject),
    subjectCn: Array.isArray(CN) ? (CN[0] ?? null) : (CN ?? null),
    certificate: pem(certificate.raw),
  };
}

function workloadOf(spiffeId: string): PeerIdentity['workload'] {
  const parts = spiffeId.slice('spiffe://'.length).split('/');
  const [trustDomain, ns, namespace, sa, serviceAccount] = parts;
  if (parts.length !== 5 || ns !== 'ns' || sa !== 'sa' || !trustDomain || !namespace || !serviceAccount) return null;
  return { trustDomain, namespace, serviceAccount };
}

/** `DNS:a, URI:b, DNS:"quoted, with comma"` to the names; Node quotes as JSON what could be misread. */
function alternativeNames(text: string): string[] {
  const names: string[] = [];
  for (let at = 0; at < text.length; ) {
    const colon = text.indexOf(':', at);
    if (colon < 0) break;
    let end: number;
    if (text[colon + 1] === '"') {
      end = colon + 2;
      while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
      end += 1;
      names.push(unquoted(text.slice(colon + 1, end)));
    } else {
      const comma = text.indexOf(', ', colon);
      end = comma < 0 ? text.length : comma;
      names.push(text.slice(colon + 1, end));
    }
    at = end + 2;
  }
  return names;
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}

/** RFC 4514 in spirit: most specific last, as OpenSSL prints it. */
function distinguishedName(name: DetailedPeerCertificate['subject']): string {
  return Object.entries(name ?? {})
    .flatMap(([key, value]) => (Array.isArray(value) ? value : [value]).map((one) => `${key}=${one}`))
    .join(', ');
}

function pem(raw: Buffer): string {
  const lines = raw.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
