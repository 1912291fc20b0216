import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { keySetText, type TestKey, testKey, tokenOf } from '../../src/policies/jwt/testing.ts';

/** What a test may change of an answer. */
interface Faults {
  discovery?: (document: Record<string, unknown>) => unknown;
  token?: (claims: Record<string, unknown>) => { readonly status?: number; readonly body: string };
}

/** An OpenID provider that logs everybody in as `ann`: the code that it takes is the nonce of the login. */
export class Issuer implements AsyncDisposable {
  readonly faults: Faults = {};
  /** Of the token endpoint: its form, and the `authorization` that came with it. */
  readonly exchanges: { readonly form: URLSearchParams; readonly authorization: string | undefined }[] = [];
  readonly #server: http.Server;
  readonly #key: TestKey = testKey('k1');

  private constructor() {
    this.#server = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { status = 200, body } = this.#answer(request, Buffer.concat(chunks).toString());
        response.writeHead(status, { 'content-type': 'application/json' }).end(body);
      });
    });
  }

  static async start(): Promise<Issuer> {
    const issuer = new Issuer();
    issuer.#server.listen(0, '127.0.0.1');
    await once(issuer.#server, 'listening');
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  #answer(request: http.IncomingMessage, body: string): { readonly status?: number; readonly body: string } {
    switch (request.url) {
      case '/.well-known/openid-configuration': {
        const document = {
          issuer: this.url,
          authorization_endpoint: `${this.url}/authorize`,
          token_endpoint: `${this.url}/token`,
          jwks_uri: `${this.url}/jwks`,
        };
        return { body: JSON.stringify(this.faults.discovery?.(document) ?? document) };
      }
      case '/jwks':
        return { body: keySetText(this.#key) };
      case '/token': {
        const form = new URLSearchParams(body);
        this.exchanges.push({ form, authorization: request.headers.authorization });
        const claims = { iss: this.url, aud: 'web', sub: 'ann', exp: 4_000_000_000, nonce: form.get('code') };
        const answer = this.faults.token?.(claims);
        return answer ?? { body: JSON.stringify({ token_type: 'Bearer', id_token: this.sign(claims) }) };
      }
      default:
        return { status: 404, body: '{}' };
    }
  }

  sign(claims: object): string {
    return tokenOf(this.#key, claims);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
