import { Fields, fromJson, Secret, type Value } from '@agentgateway/cel';
import type { KnownApiKey, VerifiedToken } from '../identity.ts';

/** `jwt`: the verified claims, and beside them the token, which only `.unredacted()` gives away (spec 04 §4.5). */
export class JwtVariable extends Fields {
  readonly of: VerifiedToken;
  readonly #claims: Fields;

  constructor(token: VerifiedToken) {
    super();
    this.of = token;
    this.#claims = fromJson(token.claims) as Fields;
  }

  override field(name: string): Value | undefined {
    return name === 'rawToken' ? new Secret(this.of.token) : this.#claims.field(name);
  }

  /** The token is shown to nobody who does not ask for it. */
  override names(): Iterable<string> {
    return this.#claims.names();
  }
}

/** `apiKey`: the metadata of the key, and the key itself as a secret; a member of the metadata called `key` is hidden. */
export class ApiKeyVariable extends Fields {
  readonly of: KnownApiKey;
  readonly #metadata: Fields;

  constructor(apiKey: KnownApiKey) {
    super();
    this.of = apiKey;
    this.#metadata = fromJson(apiKey.metadata) as Fields;
  }

  override field(name: string): Value | undefined {
    return name === 'key' ? new Secret(this.of.key) : this.#metadata.field(name);
  }

  override *names(): Iterable<string> {
    yield 'key';
    for (const name of this.#metadata.names()) if (name !== 'key') yield name;
  }
}
