import type { DetailedPeerCertificate } from 'node:tls';
import type { ConnectionInfo } from '@agentgateway/http';
import { expect, test } from 'vitest';
import { peerIdentity } from './peer-identity.ts';

function identityOf(certificate: object | null) {
  const peer = certificate === null ? null : { raw: Buffer.alloc(60, 1), subject: {}, issuer: {}, ...certificate };
  const tls = { sni: '', alpn: null, peerCertificate: () => peer as DetailedPeerCertificate | null };
  return peerIdentity({ id: 1, remoteAddress: '', remotePort: 0, localAddress: '', localPort: 0, tls });
}

test('the alternative names, whatever is in them', () => {
  const subjectaltname = 'DNS:a.test, URI:"spiffe://a.test/x, y", IP Address:10.0.0.1, DNS:"say \\"hi\\", DNS:evil"';
  expect(identityOf({ subjectaltname })).toMatchObject({
    subjectAltNames: ['a.test', 'spiffe://a.test/x, y', '10.0.0.1', 'say "hi", DNS:evil'],
    spiffeId: 'spiffe://a.test/x, y',
  });
  expect(identityOf({})).toMatchObject({ subjectAltNames: [], spiffeId: null, workload: null });
});

test.each([
  ['spiffe://t/ns/n/sa/s', { trustDomain: 't', namespace: 'n', serviceAccount: 's' }],
  ['spiffe://t/ns/n/sa/s/more', null],
  ['spiffe://t/ns/n/sa/', null],
  ['spiffe://t/workload', null],
  ['spiffe:///ns/n/sa/s', null],
])('the workload of %s', (id, workload) => {
  expect(identityOf({ subjectaltname: `URI:${id}` })).toMatchObject({ spiffeId: id, workload });
});

test('only the first SPIFFE id counts', () => {
  const two = 'URI:https://x, URI:spiffe://a/ns/n/sa/s, URI:spiffe://b/ns/n/sa/s';
  expect(identityOf({ subjectaltname: two })).toMatchObject({ spiffeId: 'spiffe://a/ns/n/sa/s' });
});

test('names of subject and issuer, and the certificate itself', () => {
  const identity = identityOf({
    subject: { O: 'Acme', OU: ['a', 'b'], CN: ['first', 'second'] },
    issuer: { CN: 'ca' },
  });
  expect(identity).toMatchObject({
    subject: 'O=Acme, OU=a, OU=b, CN=first, CN=second',
    subjectCn: 'first',
    issuer: 'CN=ca',
  });
  const lines = identity?.certificate.split('\n') ?? [];
  expect([lines[0], lines[1]?.length, lines.at(-2), lines.at(-1)]).toEqual([
    '-----BEGIN CERTIFICATE-----',
    64,
    '-----END CERTIFICATE-----',
    '',
  ]);
  expect(identityOf({ subject: undefined, issuer: undefined })).toMatchObject({ subject: '', subjectCn: null });
});

test('a connection is asked once; without TLS or a certificate there is nobody', () => {
  let asked = 0;
  const peerCertificate = () => {
    asked++;
    return null;
  };
  const secure = { tls: { sni: '', alpn: null, peerCertificate } } as unknown as ConnectionInfo;
  expect([peerIdentity(secure), peerIdentity(secure), asked]).toEqual([null, null, 1]);
  expect(peerIdentity({ tls: null } as ConnectionInfo)).toBeNull();
});
