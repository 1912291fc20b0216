import { createPublicKey } from 'node:crypto';
import { generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { type Echo, EchoServer } from './echo.ts';

/** A client that the server knows: by a secret, or by the PEM of the public key that its assertions are signed with. */
export interface KnownClient {
  readonly id: string;
  readonly secret?: string;
  readonly publicKey?: string;
}

/** What the server answers. */
export interface Issued {
  readonly status?: number;
  /** A text is sent as it is. */
  readonly body: Readonly<Record<string, unknown>> | string;
}

export interface AuthorizationServerOptions {
  /** Without one anybody may ask. */
  readonly client?: KnownClient;
  /** Answers in the server's stead, where it gives something. */
  readonly answer?: (form: URLSearchParams) => Issued | undefined | Promise<Issued | undefined>;
}

/**
 * An authorization server on Node's HTTP server with `jose`: it signs tokens for users, and issues others for them by RFC 8693 and RFC
 * 7523 to clients that it knows.
 */
export class AuthorizationServer implements AsyncDisposable {
  /** Forms that were posted, in order. */
  readonly forms: URLSearchParams[] = [];
  readonly #http: EchoServer;
  readonly #keys: Awaited<ReturnType<typeof generateKeyPair>>;

  private constructor(server: EchoServer, keys: Awaited<ReturnType<typeof generateKeyPair>>) {
    this.#http = server;
    this.#keys = keys;
  }

  static async start(options: AuthorizationServerOptions = {}): Promise<AuthorizationServer> {
    const keys = await generateKeyPair('ES256');
    const http = await EchoServer.start('as', (_request, response, echo) => {
      server.#answer(echo, options).then(
        ({ status = 200, body }) => {
          response.statusCode = status;
          response.setHeader('content-type', 'application/json');
          response.end(typeof body === 'string' ? body : JSON.stringify(body));
        },
        (error: Error) => {
          response.statusCode = 500;
          response.end(JSON.stringify({ error: 'test_broken', error_description: error.message }));
        },
      );
    });
    const server: AuthorizationServer = new AuthorizationServer(http, keys);
    return server;
  }

  get host(): string {
    return this.#http.host;
  }

  /** Requests as they came. */
  get requests(): readonly Echo[] {
    return this.#http.requests;
  }

  get sockets(): EchoServer['sockets'] {
    return this.#http.sockets;
  }

  /** A token that this server signed. */
  token(claims: Readonly<Record<string, unknown>>): Promise<string> {
    return new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256' }).sign(this.#keys.privateKey);
  }

  /** The claims of a token that this server signed. @throws Error for any other. */
  async verified(token: string): Promise<Readonly<Record<string, unknown>>> {
    return (await jwtVerify(token, this.#keys.publicKey)).payload;
  }

  async #answer(echo: Echo, { client, answer }: AuthorizationServerOptions): Promise<Issued> {
    const form = new URLSearchParams(echo.body);
    this.forms.push(form);
    const given = await answer?.(form);
    if (given !== undefined) return given;
    if (client !== undefined && !(await knows(client, echo, form)))
      return { status: 401, body: { error: 'invalid_client' } };
    return this.#issue(form);
  }

  async #issue(form: URLSearchParams): Promise<Issued> {
    try {
      const subject = await this.verified(form.get('subject_token') ?? form.get('assertion') ?? '');
      const claims = { sub: subject.sub, aud: form.getAll('audience'), scope: form.get('scope') ?? '' };
      const type = form.get('requested_token_type') ?? 'urn:ietf:params:oauth:token-type:access_token';
      const bearer = !type.endsWith(':id-jag');
      return {
        body: {
          access_token: await this.token({ ...claims, number: this.forms.length }),
          issued_token_type: type,
          token_type: bearer ? 'Bearer' : 'N_A',
          expires_in: 300,
        },
      };
    } catch {
      return { status: 400, body: { error: 'invalid_request' } };
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#http[Symbol.asyncDispose]();
  }
}

async function knows({ id, secret, publicKey }: KnownClient, echo: Echo, form: URLSearchParams): Promise<boolean> {
  if (publicKey !== undefined) {
    const assertion = form.get('client_assertion') ?? '';
    const { payload } = await jwtVerify(assertion, createPublicKey(publicKey), { subject: id, issuer: id });
    return form.get('client_id') === id && typeof payload.jti === 'string';
  }
  const { authorization = '' } = echo.headers as Record<string, string>;
  if (!authorization.startsWith('Basic ')) return form.get('client_id') === id && form.get('client_secret') === secret;
  const [name = '', password = ''] = Buffer.from(authorization.slice(6), 'base64').toString().split(':');
  const decode = (text: string) => new URLSearchParams(`v=${text}`).get('v');
  return decode(name) === id && decode(password) === secret;
}
