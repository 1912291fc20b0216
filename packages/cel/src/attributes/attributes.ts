/**
 * What expressions read, as bits of one number: the needs of many are joined with `|`. The pipeline buffers, keeps and snapshots what
 * somebody needs and nothing else (spec 04 §7).
 */
export const Needs = Object.freeze({
  request: 1 << 0,
  requestBody: 1 << 1,
  response: 1 << 2,
  responseBody: 1 << 3,
  source: 1 << 4,
  destination: 1 << 5,
  backend: 1 << 6,
  jwt: 1 << 7,
  apiKey: 1 << 8,
  basicAuth: 1 << 9,
  mcp: 1 << 10,
  extauthz: 1 << 11,
  extproc: 1 << 12,
  metadata: 1 << 13,
  proxy: 1 << 14,
  llmRequest: 1 << 15,
  llm: 1 << 16,
  llmPrompt: 1 << 17,
  llmCompletion: 1 << 18,
  llmToolCalls: 1 << 19,
  mcpGuardrails: 1 << 20,
  env: 1 << 21,
});

/** All bits of `Needs`. */
export const allNeeds = Object.values(Needs).reduce((all, bit) => all | bit, 0);

/** What one expression reads. */
export interface Attributes {
  /** Bits of `Needs`. */
  readonly needs: number;
  /** The dotted paths that it reads, as far as the text shows them: `request.headers`, `jwt`. Sorted, without repetition. */
  readonly paths: readonly string[];
}

/** The bits of a dotted path. */
export function needsOf(path: string): number {
  const [root = '', field] = path.split('.', 2);
  if (!Object.hasOwn(Needs, root)) return 0;
  const own = Needs[root as keyof typeof Needs];
  switch (root) {
    case 'request':
      return isBody(field) ? own | Needs.requestBody : own;
    case 'response':
      return isBody(field) ? own | Needs.responseBody : own;
    case 'llm':
      if (field === 'prompt') return own | Needs.llmPrompt;
      if (field === 'completion') return own | Needs.llmCompletion;
      return field === 'toolCalls' ? own | Needs.llmToolCalls : own;
    // Names of bits that are no variables.
    case 'requestBody':
    case 'responseBody':
    case 'llmPrompt':
    case 'llmCompletion':
    case 'llmToolCalls':
      return 0;
    default:
      return own;
  }
}

function isBody(field: string | undefined): boolean {
  return field === 'body' || field === 'bodyPrefix';
}
