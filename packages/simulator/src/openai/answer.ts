import { type ChatRequest, fieldsOf, type Tool } from './request.ts';

/** What the model has to say: decided by the request alone, so that the same question has the same answer. */
export interface ModelAnswer {
  /** The text, token by token; empty if a tool is called. */
  readonly tokens: readonly string[];
  readonly toolCall: ToolCall | null;
  readonly finishReason: 'stop' | 'length' | 'tool_calls';
  readonly promptTokens: number;
  readonly completionTokens: number;
}

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
}

/** @param length Tokens that the answer must have, instead of what it would say. */
export function think(request: ChatRequest, id: string, length: number | null): ModelAnswer {
  const promptTokens = request.messages.reduce((sum, message) => sum + 4 + tokensOf(message.text).length, 3);
  const tool = toolToCall(request);
  if (tool !== undefined) {
    const toolCall = { id: `call_${id}`, name: tool.name, arguments: argumentsFor(tool, lastText(request, 'user')) };
    const completionTokens = tokensOf(toolCall.arguments).length + 1;
    return { tokens: [], toolCall, finishReason: 'tool_calls', promptTokens, completionTokens };
  }
  const said =
    length === null ? tokensOf(textFor(request)) : Array.from({ length }, (_, i) => `${i === 0 ? '' : ' '}word`);
  const tokens = said.slice(0, request.maxTokens);
  return {
    tokens,
    toolCall: null,
    finishReason: tokens.length < said.length ? 'length' : 'stop',
    promptTokens,
    completionTokens: tokens.length,
  };
}

function textFor(request: ChatRequest): string {
  const last = request.messages.at(-1);
  if (last?.role === 'tool') return `The tool answered: ${last.text}`;
  return `You said: ${lastText(request, 'user')}\nThis answer was made by the simulator.`;
}

/** After a tool's answer the model speaks again. */
function toolToCall(request: ChatRequest): Tool | undefined {
  if (request.toolChoice === null || request.messages.at(-1)?.role === 'tool') return undefined;
  const { toolChoice } = request;
  return toolChoice === undefined ? request.tools[0] : request.tools.find((tool) => tool.name === toolChoice);
}

function lastText(request: ChatRequest, role: string): string {
  return request.messages.findLast((message) => message.role === role)?.text ?? '';
}

/** Words with the white space before them. */
export function tokensOf(text: string): string[] {
  return text.match(/\s*\S+/g) ?? [];
}

function argumentsFor(tool: Tool, text: string): string {
  const { properties, required } = tool.parameters;
  const all = fieldsOf(properties);
  const names = Array.isArray(required) ? required.filter((name) => typeof name === 'string') : Object.keys(all);
  return JSON.stringify(Object.fromEntries(names.map((name) => [name, sample(fieldsOf(all[name]), text)])));
}

function sample(schema: Readonly<Record<string, unknown>>, text: string): unknown {
  if (Array.isArray(schema.enum)) return schema.enum[0];
  switch (schema.type) {
    case 'number':
    case 'integer':
      return 1;
    case 'boolean':
      return true;
    case 'array':
      return [];
    case 'object':
      return {};
    default:
      return text;
  }
}
