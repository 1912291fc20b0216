export {
  completionsError,
  completionsErrorEvent,
  type ErrorText,
} from './formats/completions/error.ts';
export {
  type CompletionsChanges,
  type CompletionsParams,
  type CompletionsRequest,
  readCompletionsRequest,
  renderCompletionsRequest,
} from './formats/completions/request.ts';
export { type CompletionsAnswer, readCompletionsResponse } from './formats/completions/response.ts';
export { CompletionsStream, type StreamRest } from './formats/completions/stream.ts';
export { readCompletionsUsage } from './formats/completions/usage.ts';
export { generateContentError } from './formats/generate-content/error.ts';
export { messagesError } from './formats/messages/error.ts';
export { rerankError } from './formats/rerank/error.ts';
export { type JsonKind, JsonObject, JsonScanError, type Span, scanObject } from './json-scan.ts';
export { JsonSplice } from './json-splice.ts';
export { openAI } from './providers/openai.ts';
export type { PathOptions, Provider } from './providers/provider.ts';
export { RequestError } from './request-error.ts';
export { type RouteType, RouteTypes } from './route-type.ts';
export { type FrameSink, readFrame, type SseEvent, SseFrames, SseFrameTooLarge, singleDataStart } from './sse.ts';
export type { Usage } from './usage.ts';
