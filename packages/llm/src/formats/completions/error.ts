import { errorTypeOf } from '../../error-type.ts';

/** What an error of the gateway's own says. */
export interface ErrorText {
  /** HTTP status. */
  readonly status: number;
  readonly message: string;
  /** Which kind of error, for programs; null where there is no name for it. */
  readonly code?: string | null;
  /** Field of the request that is wrong. */
  readonly param?: string | null;
}

/** Words an error as OpenAI does, for Chat Completions, Responses and Embeddings. JSON text. */
export function completionsError(error: ErrorText): string {
  return JSON.stringify({
    error: {
      message: error.message,
      type: errorTypeOf(error.status),
      param: error.param ?? null,
      code: error.code ?? null,
    },
  });
}

/** The event that ends a broken stream; `[DONE]` must not follow. */
export function completionsErrorEvent(error: ErrorText): Buffer {
  return Buffer.from(`data: ${completionsError(error)}\n\n`, 'utf8');
}
