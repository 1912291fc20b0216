import type { ErrorText } from '../completions/error.ts';

/** Words an error as Cohere does, whose shape rerank has. JSON text. */
export function rerankError(error: ErrorText): string {
  return JSON.stringify({ message: error.message });
}
