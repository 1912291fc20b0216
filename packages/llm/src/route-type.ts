/** What kind of endpoint a path is (spec 05 §2.3). */
export type RouteType =
  | 'completions'
  | 'messages'
  | 'models'
  | 'passthrough'
  | 'detect'
  | 'responses'
  | 'embeddings'
  | 'realtime'
  | 'anthropicTokenCount'
  | 'generateContent'
  | 'geminiCountTokens'
  | 'rerank';

/** The table from path suffixes to route types of one `ai` policy, in the order in which it is asked (spec 05 §3.3). */
export class RouteTypes {
  readonly #suffixes: readonly (readonly [suffix: string, type: RouteType])[];
  readonly #fallback: RouteType;

  /** @param routes Suffix to type; `*` is the fallback, which without it is `completions`. */
  constructor(routes: Readonly<Record<string, RouteType>> = {}) {
    this.#suffixes = Object.entries(routes)
      .filter(([suffix]) => suffix !== '*')
      .sort(([a], [b]) => b.length - a.length || (a < b ? -1 : 1));
    this.#fallback = routes['*'] ?? 'completions';
  }

  /** @param path Path with or without a query, which takes no part. */
  of(path: string): RouteType {
    const query = path.indexOf('?');
    const end = query < 0 ? path.length : query;
    for (const [suffix, type] of this.#suffixes) if (path.endsWith(suffix, end)) return type;
    return this.#fallback;
  }
}
