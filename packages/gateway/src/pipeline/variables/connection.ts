import { CelMap, Uint, type Value } from '@agentgateway/cel';
import type { ConnectionInfo } from '@agentgateway/http';
import { type PeerIdentity, peerIdentity } from '../peer-identity.ts';
import { readers, View } from './view.ts';

const source = readers<ConnectionInfo>({
  address: (of) => of.remoteAddress,
  port: (of) => new Uint(of.remotePort),
  rawAddress: (of) => of.remoteAddress,
  rawPort: (of) => new Uint(of.remotePort),
  connectHeaders: () => new CelMap(new Map()),
  identity: (of) => ofPeer(of, ({ workload }) => (workload === null ? null : strings(workload))),
  spiffeId: (of) => ofPeer(of, ({ spiffeId }) => spiffeId),
  subjectAltNames: (of) => ofPeer(of, ({ subjectAltNames }) => subjectAltNames),
  issuer: (of) => ofPeer(of, ({ issuer }) => issuer),
  subject: (of) => ofPeer(of, ({ subject }) => subject),
  subjectCn: (of) => ofPeer(of, ({ subjectCn }) => subjectCn ?? undefined),
  certificate: (of) => ofPeer(of, ({ certificate }) => certificate),
});

const destination = readers<ConnectionInfo>({
  address: (of) => of.localAddress,
  port: (of) => new Uint(of.localPort),
  hostname: (of) => (of.tls === null || of.tls.sni === '' ? undefined : of.tls.sni),
});

/** `source` (spec 04 §4.4): who is at the other end, and what its certificate says. */
export class SourceVariable extends View<ConnectionInfo> {
  constructor(connection: ConnectionInfo) {
    super(connection, source);
  }
}

/** `destination`: where the client connected to. */
export class DestinationVariable extends View<ConnectionInfo> {
  constructor(connection: ConnectionInfo) {
    super(connection, destination);
  }
}

/** Undefined where the client showed no certificate. */
function ofPeer(connection: ConnectionInfo, read: (peer: PeerIdentity) => Value | undefined): Value | undefined {
  const peer = peerIdentity(connection);
  return peer === null ? undefined : read(peer);
}

function strings(fields: Readonly<Record<string, string>>): Value {
  return new CelMap(new Map(Object.entries(fields)));
}
