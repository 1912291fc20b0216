import { Headers, Response } from '@agentgateway/http';
import {
  completionsError,
  type ErrorText,
  generateContentError,
  messagesError,
  RequestError,
  type RouteType,
  rerankError,
} from '@agentgateway/llm';
import type { GatewayError } from '../../pipeline/errors.ts';

/** Words an error of the gateway's own as the caller of a route type expects it; null where nobody can know. */
export function wordErrorFor(type: RouteType): ((error: GatewayError) => Response) | null {
  switch (type) {
    case 'completions':
    case 'responses':
    case 'embeddings':
    case 'realtime':
    case 'models':
      return (error) => response(error, completionsError);
    case 'messages':
    case 'anthropicTokenCount':
      return (error) => response(error, messagesError);
    case 'generateContent':
    case 'geminiCountTokens':
      return (error) => response(error, generateContentError);
    case 'rerank':
      return (error) => response(error, rerankError);
    case 'detect':
    case 'passthrough':
      return null;
  }
}

function response(error: GatewayError, word: (text: ErrorText) => string): Response {
  const headers = new Headers();
  for (const [name, value] of error.headers) headers.append(name, value);
  headers.append('content-type', 'application/json');
  return new Response(error.status, headers, Buffer.from(word(errorText(error)), 'utf8'));
}

/** What an error says, for any dialect. */
export function errorText(error: GatewayError): ErrorText {
  return {
    status: error.status,
    message: error.message,
    code: error.code.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    param: error.cause instanceof RequestError ? error.cause.param : null,
  };
}
