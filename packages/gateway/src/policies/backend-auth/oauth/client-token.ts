import type { Exchange } from '../../../pipeline/exchange.ts';
import { extractCredential, removeCredential } from '../../credential.ts';
import type { TokenSourceSpec } from './spec.ts';

/** A token that the client sent for the gateway to exchange. */
export class ClientToken {
  readonly #source: TokenSourceSpec['source'];

  constructor({ source }: TokenSourceSpec) {
    this.#source = source;
  }

  /** The token; null if there is none, or nothing but white space. */
  read(exchange: Exchange): string | null {
    const token = extractCredential(exchange.request, this.#source);
    return token === null || token.trim() === '' ? null : token;
  }

  /** Takes it off the request. */
  remove(exchange: Exchange): void {
    removeCredential(exchange.request, this.#source);
  }
}
