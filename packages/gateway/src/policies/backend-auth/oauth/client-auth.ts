import { createHash, randomUUID } from 'node:crypto';
import type { Headers } from '@agentgateway/http';
import type { Clock } from '../../../pipeline/step.ts';
import { encodeFormText, type FormFields } from './form.ts';
import { compileSigner, type JwsHeader } from './jws.ts';
import { readSigningKey } from './signing-key.ts';
import type { ClientAuthSpec } from './spec.ts';

/** Makes the gateway known in a request to a token endpoint: by fields that come last, or by a header. */
export type ClientAuth = (fields: FormFields, headers: Headers) => void;

/** Milliseconds. */
const BACKDATED = 10_000;
const ASSERTION_TTL = 300_000;

/**
 * Compiles how the gateway authenticates to a token endpoint (spec 03 §9.1).
 *
 * @returns the problem with a signing key that cannot be used.
 */
export function compileClientAuth(spec: ClientAuthSpec | undefined, clock: Clock): ClientAuth | { problem: string } {
  if (spec === undefined) return () => {};
  switch (spec.method) {
    case 'clientSecretBasic': {
      // RFC 6749 §2.3.1: both are form-encoded before they are joined.
      const pair = `${encodeFormText(spec.clientId)}:${encodeFormText(spec.clientSecret.$secret)}`;
      const value = `Basic ${Buffer.from(pair).toString('base64')}`;
      return (_fields, headers) => headers.set('authorization', value);
    }
    case 'clientSecretPost': {
      const { clientId, clientSecret } = spec;
      return (fields) => {
        fields.push(['client_id', clientId]);
        if (clientSecret !== undefined) fields.push(['client_secret', clientSecret.$secret]);
      };
    }
    case 'privateKeyJwt':
      return compilePrivateKeyJwt(spec, clock);
  }
}

function compilePrivateKeyJwt(
  spec: Extract<ClientAuthSpec, { method: 'privateKeyJwt' }>,
  clock: Clock,
): ClientAuth | { problem: string } {
  const read = readSigningKey(spec.signingKey.$secret, spec.alg);
  if ('problem' in read) return read;
  const { clientId, assertionAudience } = spec;
  const sign = compileSigner(read.key, spec.alg, headerOf(spec));
  return (fields) => {
    const now = clock.epoch();
    const iat = Math.floor((now - BACKDATED) / 1000);
    const exp = Math.floor((now + ASSERTION_TTL) / 1000);
    const claims = { iss: clientId, sub: clientId, aud: assertionAudience, jti: randomUUID(), iat, nbf: iat, exp };
    fields.push(
      ['client_id', clientId],
      ['client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'],
      ['client_assertion', sign(claims)],
    );
  };
}

function headerOf({ kid, certificate }: Extract<ClientAuthSpec, { method: 'privateKeyJwt' }>): JwsHeader {
  const named = kid === undefined ? {} : { kid };
  if (certificate === undefined) return named;
  const chain = certificatesOf(certificate.pem);
  if (certificate.header === 'x5c') return { ...named, x5c: chain };
  const thumbprint = createHash('sha256').update(Buffer.from(chain[0] ?? '', 'base64'));
  return { ...named, 'x5t#S256': thumbprint.digest('base64url') };
}

/** The certificates of a PEM text in base64, in their order. */
export function certificatesOf(pem: string): string[] {
  return Array.from(pem.matchAll(/-----BEGIN CERTIFICATE-----([\s\S]*?)-----END CERTIFICATE-----/g), ([, base64]) =>
    (base64 as string).replaceAll(/\s/g, ''),
  );
}
