import { createPublicKey, X509Certificate } from 'node:crypto';
import { Headers } from '@agentgateway/http';
import { decodeProtectedHeader, importX509, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { Certificates } from '../../../../test/support/certificates.ts';
import { loaded, refused } from '../../../config/testing.ts';
import { secret } from '../../../resources/secret.ts';
import { ecKey, rsaKey } from '../testing.ts';
import { compileClientAuth } from './client-auth.ts';
import type { FormFields } from './form.ts';
import type { ClientAuthSpec } from './spec.ts';

const now = Date.UTC(2030, 0, 1);
const clock = { now: () => 0, epoch: () => now, monotonic: () => 0n };

function authenticate(spec: ClientAuthSpec | undefined) {
  const auth = compileClientAuth(spec, clock);
  if (typeof auth !== 'function') throw new Error(auth.problem);
  const fields: FormFields = [['scope', 'x']];
  const headers = Headers.of();
  auth(fields, headers);
  return { fields: Object.fromEntries(fields), names: fields.map(([name]) => name), headers: [...headers] };
}

test('nobody, a name, a secret in the form, a secret in the header', () => {
  expect(authenticate(undefined)).toMatchObject({ fields: { scope: 'x' }, headers: [] });
  expect(authenticate({ method: 'clientSecretPost', clientId: 'me' }).fields).toEqual({ scope: 'x', client_id: 'me' });
  const post = authenticate({ method: 'clientSecretPost', clientId: 'me', clientSecret: secret('s') });
  expect(post.names).toEqual(['scope', 'client_id', 'client_secret']);
  const basic = authenticate({ method: 'clientSecretBasic', clientId: 'a:b c', clientSecret: secret('é+%') });
  expect(basic.fields).toEqual({ scope: 'x' });
  expect(basic.headers).toEqual([['authorization', `Basic ${Buffer.from('a%3Ab+c:%C3%A9%2B%25').toString('base64')}`]]);
});

const pair = rsaKey();
const assertion: ClientAuthSpec = {
  method: 'privateKeyJwt',
  clientId: 'me',
  signingKey: secret(pair.privateKey),
  alg: 'PS256',
  kid: 'k1',
  assertionAudience: 'https://as/token',
};

test('an assertion names the client twice, the server, and itself, and lives five minutes', async () => {
  const one = authenticate(assertion);
  expect(one.names).toEqual(['scope', 'client_id', 'client_assertion_type', 'client_assertion']);
  expect(one.fields).toMatchObject({
    client_id: 'me',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  });
  const verify = (token = '') =>
    jwtVerify(token, createPublicKey(pair.publicKey), { algorithms: ['PS256'], currentDate: new Date(now) });
  const { payload, protectedHeader } = await verify(one.fields.client_assertion);
  expect(protectedHeader).toEqual({ typ: 'JWT', alg: 'PS256', kid: 'k1' });
  const seconds = now / 1000;
  const { jti, ...claims } = payload;
  expect(claims).toEqual({
    iss: 'me',
    sub: 'me',
    aud: 'https://as/token',
    iat: seconds - 10,
    nbf: seconds - 10,
    exp: seconds + 300,
  });
  expect(jti).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/);
  expect((await verify(authenticate(assertion).fields.client_assertion)).payload.jti).not.toBe(jti);
});

test('a certificate goes along, whole or as its hash', async () => {
  using certificates = new Certificates({ client: ['DNS:client.test'] });
  const pem = certificates.read('client.pem') + certificates.read('ca.pem');
  const spec = { ...assertion, alg: 'ES256', signingKey: secret(certificates.read('client.key')) } as const;
  const chain = authenticate({ ...spec, certificate: { pem, header: 'x5c' } }).fields.client_assertion ?? '';
  const { x5c = [] } = decodeProtectedHeader(chain);
  const sent = x5c.map((der) => new X509Certificate(Buffer.from(der, 'base64')));
  expect(sent.map(({ subject }) => subject)).toEqual(['CN=client', 'CN=scenario authority']);
  const key = await importX509(sent[0]!.toString(), 'ES256');
  await jwtVerify(chain, key, { currentDate: new Date(now) });
  const hash = authenticate({ ...spec, certificate: { pem, header: 'x5t#S256' } }).fields.client_assertion ?? '';
  const header = decodeProtectedHeader(hash) as Record<string, unknown>;
  expect(header).not.toHaveProperty('x5c');
  const hex = sent[0]!.fingerprint256.replaceAll(':', '');
  expect(header['x5t#S256']).toBe(Buffer.from(hex, 'hex').toString('base64url'));
});

test('a certificate in the file must belong to the key', () => {
  using certificates = new Certificates({ client: ['DNS:client.test'] });
  const env = {
    KEY: certificates.read('client.key'),
    CERT: certificates.read('client.pem'),
    OTHER: ecKey().privateKey,
  };
  const text = (key: string) =>
    `backends: [{name: b, host: "h:80", policies: {backendAuth: {oauthTokenExchange: {host: "as:1", clientAuth: {method: privateKeyJwt, clientId: a, assertionAudience: b, alg: ES256, signingKey: $${key}, certificate: $CERT, certificateHeader: x5c}}}}}]`;
  expect(loaded(text('KEY'), env).resources).toHaveLength(1);
  expect(refused(text('OTHER'), env)).toEqual([
    expect.stringContaining('clientAuth.certificate: the certificate does not belong to the signing key'),
  ]);
});

test('a key that cannot sign is a problem, not an exception', () => {
  expect(compileClientAuth({ ...assertion, alg: 'ES256' } as ClientAuthSpec, clock)).toEqual({
    problem: 'alg ES256 needs an EC key on prime256v1, found a key of type rsa',
  });
});
