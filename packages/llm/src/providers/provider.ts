import type { RouteType } from '../route-type.ts';

/** What the configuration says about where a provider's requests go (spec 05 §2.1). */
export interface PathOptions {
  /** Path and query, whatever the request's are. */
  readonly pathOverride?: string | undefined;
  /** In place of the provider's base path. */
  readonly pathPrefix?: string | undefined;
  /** True if requests go to another host than the provider's own. */
  readonly hostOverride: boolean;
}

/** A vendor's API: where it is and what it wants to be different. */
export interface Provider {
  /** `gen_ai.provider.name`. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Path and query to ask for (spec 05 §3.9). `path` is the client's, with its query. */
  path(type: RouteType, path: string, options: PathOptions): string;
  /** True if the model wants `max_tokens` under its newer name. */
  wantsMaxCompletionTokens(model: string): boolean;
}
