import type { RouteType } from '@agentgateway/llm';

export type { RouteType };

/** `ai` policy as a resource. */
export interface AiPolicySpec {
  /** Path suffix to route type; `*` is the fallback. */
  readonly routes: Readonly<Record<string, RouteType>>;
}
