/** The `type` of an error in the dialects of OpenAI and Anthropic, by HTTP status (spec 05 §4.14). */
export function errorTypeOf(status: number): string {
  switch (status) {
    case 401:
    case 403:
      return 'authentication_error';
    case 404:
      return 'not_found_error';
    case 429:
      return 'rate_limit_error';
    default:
      return status < 500 ? 'invalid_request_error' : 'api_error';
  }
}
