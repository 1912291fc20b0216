import type { RetryForm } from '../fault.ts';
import type { Answer } from '../play.ts';

/** An error as OpenAI sends it. */
export function errorAnswer(
  status: number,
  error: { readonly message: string; readonly type: string; readonly param?: string; readonly code?: string },
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const { message, type, param = null, code = null } = error;
  return {
    status,
    headers: { 'content-type': 'application/json', ...headers },
    pieces: [JSON.stringify({ error: { message, type, param, code } }, null, 2)],
  };
}

export function invalidRequest(message: string, param?: string): Answer {
  return errorAnswer(400, { message, type: 'invalid_request_error', ...(param === undefined ? {} : { param }) });
}

export function unauthorized(shown: boolean): Answer {
  const message = shown
    ? 'Incorrect API key provided. The simulator checks keys as the real API does.'
    : "You didn't provide an API key. Send it as 'Authorization: Bearer YOUR_KEY'.";
  return errorAnswer(401, { message, type: 'invalid_request_error', code: 'invalid_api_key' });
}

export function notFound(method: string, path: string): Answer {
  return errorAnswer(404, { message: `Invalid URL (${method} ${path})`, type: 'invalid_request_error' });
}

export function serverError(status: 500 | 503): Answer {
  const message =
    status === 500 ? 'The server had an error while processing your request.' : 'The engine is overloaded. Try again.';
  return errorAnswer(status, { message, type: 'server_error', code: status === 500 ? 'server_error' : 'overloaded' });
}

/** 429; the wait is always two seconds, whichever way it is said. */
export function rateLimited(form: RetryForm, now: number): Answer {
  const error = { message: 'Rate limit reached for requests.', type: 'requests', code: 'rate_limit_exceeded' };
  return errorAnswer(429, error, retryHeaders(form, now));
}

function retryHeaders(form: RetryForm, now: number): Record<string, string> {
  switch (form) {
    case 'seconds':
      return { 'retry-after': '2' };
    case 'date':
      return { 'retry-after': new Date(now + 2000).toUTCString() };
    case 'ms':
      return { 'retry-after-ms': '2000' };
    case 'reset':
      return {
        'x-ratelimit-limit-requests': '60',
        'x-ratelimit-remaining-requests': '0',
        'x-ratelimit-reset-requests': '2s',
        'x-ratelimit-limit-tokens': '150000',
        'x-ratelimit-remaining-tokens': '149984',
        'x-ratelimit-reset-tokens': '6ms',
      };
    case 'none':
      return {};
  }
}
