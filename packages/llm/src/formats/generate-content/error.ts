import type { ErrorText } from '../completions/error.ts';

/** Words an error as Google does. JSON text. */
export function generateContentError(error: ErrorText): string {
  return JSON.stringify({
    error: { code: error.status, message: error.message, status: googleStatus(error.status) },
  });
}

function googleStatus(status: number): string {
  switch (status) {
    case 401:
      return 'UNAUTHENTICATED';
    case 403:
      return 'PERMISSION_DENIED';
    case 404:
      return 'NOT_FOUND';
    case 429:
      return 'RESOURCE_EXHAUSTED';
    case 501:
      return 'UNIMPLEMENTED';
    case 503:
      return 'UNAVAILABLE';
    case 504:
      return 'DEADLINE_EXCEEDED';
    default:
      return status < 500 ? 'INVALID_ARGUMENT' : 'INTERNAL';
  }
}
