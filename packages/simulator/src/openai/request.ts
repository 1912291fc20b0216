/** What the simulator reads of a Chat Completions request. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Choices. */
  readonly n: number;
  /** Tokens; infinite if not limited. */
  readonly maxTokens: number;
  readonly tools: readonly Tool[];
  /** Name of the function to call, null to be silent about tools, undefined for the model's choice. */
  readonly toolChoice: string | null | undefined;
}

export interface Message {
  readonly role: string;
  /** Texts of the content, one after the other. */
  readonly text: string;
}

export interface Tool {
  readonly name: string;
  /** JSON schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

/** The request is not what the API wants. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
  readonly param: string | undefined;
  constructor(message: string, param?: string) {
    super(message);
    this.param = param;
  }
}

type Fields = Readonly<Record<string, unknown>>;

/** @throws BadRequest */
export function readChatRequest(body: string): ChatRequest {
  const fields = fieldsOf(parse(body));
  const { model, messages, stream, n, tools } = fields;
  if (typeof model !== 'string' || model === '') throw new BadRequest('you must provide a model parameter', 'model');
  if (!Array.isArray(messages)) throw new BadRequest("Missing required parameter: 'messages'.", 'messages');
  if (messages.length === 0) throw new BadRequest("Invalid 'messages': empty array.", 'messages');
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    throw new BadRequest("Invalid type for 'stream': expected a boolean.", 'stream');
  }
  if (fields.stream_options !== undefined && fields.stream_options !== null && stream !== true) {
    throw new BadRequest("The 'stream_options' parameter is only allowed when 'stream' is enabled.", 'stream_options');
  }
  return {
    model,
    messages: messages.map(readMessage),
    stream: stream === true,
    includeUsage: fieldsOf(fields.stream_options).include_usage === true,
    n: typeof n === 'number' && Number.isInteger(n) && n > 0 && n <= 128 ? n : 1,
    maxTokens: limit(fields.max_completion_tokens) ?? limit(fields.max_tokens) ?? Number.POSITIVE_INFINITY,
    tools: Array.isArray(tools) ? tools.map(readTool) : [],
    toolChoice: readToolChoice(fields.tool_choice),
  };
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new BadRequest('We could not parse the JSON body of your request.');
  }
}

function readMessage(value: unknown, index: number): Message {
  const { role, content } = fieldsOf(value);
  if (typeof role !== 'string') {
    throw new BadRequest(`Missing required parameter: 'messages[${index}].role'.`, `messages[${index}].role`);
  }
  const parts = Array.isArray(content) ? content.map((part) => fieldsOf(part).text) : [content];
  return { role, text: parts.filter((part) => typeof part === 'string').join(' ') };
}

function readTool(value: unknown, index: number): Tool {
  const { name, parameters } = fieldsOf(fieldsOf(value).function);
  if (typeof name !== 'string') {
    throw new BadRequest(
      `Missing required parameter: 'tools[${index}].function.name'.`,
      `tools[${index}].function.name`,
    );
  }
  return { name, parameters: fieldsOf(parameters) };
}

function readToolChoice(value: unknown): string | null | undefined {
  if (value === 'none') return null;
  const { name } = fieldsOf(fieldsOf(value).function);
  return typeof name === 'string' ? name : undefined;
}

function limit(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined;
}

/** An object's fields, or none where the value is no object. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
