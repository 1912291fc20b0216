import type { Exchange } from '../../../pipeline/exchange.ts';
import type { Ports } from '../../../pipeline/step.ts';
import { compileExtraction, removeCredential, withoutParameter } from '../../credential.ts';
import type { TokenSourceSpec } from './spec.ts';

/** A token that the client sent for the gateway to exchange. */
export class ClientToken {
  readonly #source: TokenSourceSpec['source'];
  readonly #extract: (exchange: Exchange) => string | null;

  constructor({ source }: TokenSourceSpec, ports: Ports) {
    this.#source = source;
    this.#extract = compileExtraction(source, ports);
  }

  /** The token, which is kept out of the record; null if there is none, or nothing but white space. */
  read(exchange: Exchange): string | null {
    const token = this.#extract(exchange);
    const source = this.#source;
    if (token !== null && 'queryParameter' in source)
      exchange.record.path = withoutParameter(exchange.record.path, source.queryParameter.name);
    return token === null || token.trim() === '' ? null : token;
  }

  /** Takes it off the request; what an expression read stays. */
  remove(exchange: Exchange): void {
    removeCredential(exchange.request, this.#source);
  }
}
