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

/** `ai` policy as a resource. */
export interface AiPolicySpec {
  /** Path suffix to route type; `*` is the fallback. */
  readonly routes: Readonly<Record<string, RouteType>>;
}
