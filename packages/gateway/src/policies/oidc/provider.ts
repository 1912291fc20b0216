import type { RemoteDocument } from '../../pipeline/remote-document.ts';
import type { Ports } from '../../pipeline/step.ts';
import { remoteSource } from '../../resources/remote-source.ts';
import { type IssuerKeys, issuerKeys } from '../jwt/issuer-keys.ts';
import { discoveredEndpoints, type Metadata } from './metadata.ts';
import type { OidcEndpoints, OidcSpec } from './spec.ts';

/** A provider whose endpoints are known. */
export interface Provider extends OidcEndpoints {
  readonly keys: IssuerKeys;
}

/** The provider of a policy, as it is known at the moment. */
export interface ProviderView {
  /** Null while its description could not be fetched. */
  readonly current: Provider | null;
  /** Why there is none, for the log. */
  readonly failure: string;
  /** Resolves when its first fetch is over; null if it is. */
  ready(): Promise<void> | null;
}

/** Compiles where a provider is known from; a description is fetched from now on, and followed when it changes. */
export function compileProvider(spec: OidcSpec, ports: Ports): ProviderView {
  if ('endpoints' in spec.provider) {
    const { jwks, ...endpoints } = spec.provider.endpoints;
    const current: Provider = { ...endpoints, keys: issuerKeys(jwks, ports) };
    return { current, failure: '', ready: () => null };
  }
  const document = ports.remoteDocument(spec.provider.discovery, {
    kind: 'Oidc',
    parse: (text) => discoveredEndpoints(text, spec.issuer),
  });
  return new Discovered(document, ports);
}

class Discovered implements ProviderView {
  readonly #document: RemoteDocument<Metadata>;
  readonly #ports: Ports;
  #known: { readonly metadata: Metadata; readonly provider: Provider } | null = null;

  constructor(document: RemoteDocument<Metadata>, ports: Ports) {
    this.#document = document;
    this.#ports = ports;
  }

  get current(): Provider | null {
    const metadata = this.#document.current;
    if (metadata === null) return null;
    if (this.#known?.metadata !== metadata) {
      const { jwksUri, ...endpoints } = metadata;
      const keys = issuerKeys(remoteSource(jwksUri), this.#ports);
      this.#known = { metadata, provider: { ...endpoints, keys } };
    }
    return this.#known.provider;
  }

  get failure(): string {
    return this.#document.failure ?? 'there was no answer yet';
  }

  ready(): Promise<void> | null {
    return this.#document.ready();
  }
}
