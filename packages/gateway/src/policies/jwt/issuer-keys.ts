import type { DocumentReader, RemoteDocument } from '../../pipeline/remote-document.ts';
import type { Ports } from '../../pipeline/step.ts';
import { compileKeySet, type KeySet, parseKeySet } from './key-set.ts';
import type { JwksSource } from './spec.ts';

/** The keys of an issuer as they are at the moment. */
export interface IssuerKeys {
  /** Null while they could not be fetched. */
  readonly current: KeySet | null;
  /** Where they come from; null for those of the configuration, which never change. */
  readonly document: RemoteDocument<KeySet> | null;
}

/** Reads the key set of an issuer's server: a key that cannot be used is told, and the others are used. */
const reader: DocumentReader<KeySet> = {
  kind: 'Jwks',
  parse(text, warn) {
    const compiled = parseKeySet(text);
    if ('error' in compiled) throw new Error(compiled.error);
    for (const line of compiled.unusable.slice(0, 10)) warn(`a key of the set cannot be used: ${line}`);
    return compiled.keys;
  },
};

/** Compiles where an issuer's keys come from; those of a URL are fetched from now on. */
export function issuerKeys(source: JwksSource, ports: Pick<Ports, 'remoteDocument'>): IssuerKeys {
  if ('url' in source) {
    const document = ports.remoteDocument(source, reader);
    return {
      document,
      get current() {
        return document.current;
      },
    };
  }
  const compiled = compileKeySet({ keys: source.keys });
  if ('error' in compiled) throw new Error(compiled.error);
  return { current: compiled.keys, document: null };
}
