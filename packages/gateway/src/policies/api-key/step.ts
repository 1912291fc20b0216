import { hash } from 'node:crypto';
import { GatewayError } from '../../pipeline/errors.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import type { Ports, Step } from '../../pipeline/step.ts';
import { compileExtraction, removeCredential, withoutParameter } from '../credential.ts';
import type { CredentialLocation } from '../credential-location.ts';
import type { ApiKeySpec } from './spec.ts';

/** Where the vendors' own clients put a key, besides `authorization`. */
const vendorLocations: readonly CredentialLocation[] = [
  { header: { name: 'x-api-key' } },
  { header: { name: 'x-goog-api-key' } },
];

/**
 * `apiKey` (spec 03 §4.3): who shows a known key is known by it, and the key goes no further.
 *
 * | mode | no key | unknown key |
 * |---|---|---|
 * | strict | 401 | 401 |
 * | optional | pass | 401 |
 * | permissive | pass | pass, the key stays |
 *
 * Where the file does not say where the key stands, all the usual places are looked at and a known key in any of them counts.
 *
 * Keys are looked up by their SHA-256, so no plain key is held, and what an attacker could learn from the time of a
 * look-up is about the hash of a guess, which helps with no other guess. Hashing takes about a microsecond: there is no cache.
 */
export function compileApiKey(spec: ApiKeySpec, ports: Ports): Step {
  const sources = (spec.defaultLocation ? [spec.location, ...vendorLocations] : [spec.location]).map((location) => ({
    location,
    extract: compileExtraction(location, ports),
  }));
  const identities = new Map(
    spec.keys.map(({ sha256, metadata, allowedModels }) => [
      sha256,
      { metadata: metadata ?? {}, allowedModels: allowedModels ?? null },
    ]),
  );
  const { mode } = spec;

  return (exchange: Exchange) => {
    const { request } = exchange;
    let shown = false;
    for (const { location, extract } of sources) {
      const key = extract(exchange);
      if (key === null) continue;
      shown = true;
      if ('queryParameter' in location) hideFromRecord(exchange, location.queryParameter.name);
      const identity = identities.get(hash('sha256', key));
      if (identity === undefined) continue;
      removeCredential(request, location);
      exchange.apiKey = { key, ...identity };
      return undefined;
    }
    if (mode === 'permissive' || (mode === 'optional' && !shown)) return undefined;
    return new GatewayError('apiKeyAuth', { detail: shown ? 'invalid credentials' : 'no API Key found' });
  };
}

/** The path is logged as it came, and no key may be, known or not: it might be good elsewhere. */
function hideFromRecord({ record }: Exchange, parameter: string): void {
  record.path = withoutParameter(record.path, parameter);
}
