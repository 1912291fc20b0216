import { errorTypeOf } from '../../error-type.ts';
import type { ErrorText } from '../completions/error.ts';

/** Words an error as Anthropic does. JSON text. */
export function messagesError(error: ErrorText): string {
  return JSON.stringify({ type: 'error', error: { type: errorTypeOf(error.status), message: error.message } });
}
