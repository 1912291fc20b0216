import { expect, test } from 'vitest';
import { generateContentError } from '../generate-content/error.ts';
import { messagesError } from '../messages/error.ts';
import { rerankError } from '../rerank/error.ts';
import { completionsError, completionsErrorEvent } from './error.ts';

test('each dialect words an error in its own shape', () => {
  const error = { status: 404, message: 'no such model', code: 'model_not_found', param: 'model' };
  expect(JSON.parse(completionsError(error))).toEqual({
    error: { message: 'no such model', type: 'not_found_error', param: 'model', code: 'model_not_found' },
  });
  expect(JSON.parse(messagesError(error))).toEqual({
    type: 'error',
    error: { type: 'not_found_error', message: 'no such model' },
  });
  expect(JSON.parse(generateContentError(error))).toEqual({
    error: { code: 404, message: 'no such model', status: 'NOT_FOUND' },
  });
  expect(JSON.parse(rerankError(error))).toEqual({ message: 'no such model' });
});

test.each([
  [400, 'invalid_request_error'],
  [401, 'authentication_error'],
  [403, 'authentication_error'],
  [413, 'invalid_request_error'],
  [429, 'rate_limit_error'],
  [503, 'api_error'],
])('status %i is of type %s', (status, type) => {
  expect(JSON.parse(completionsError({ status, message: 'm' }))).toEqual({
    error: { message: 'm', type, param: null, code: null },
  });
});

test('in a stream it is one event', () => {
  const event = completionsErrorEvent({ status: 503, message: 'a\nb' }).toString();
  expect(event).toMatch(/^data: [^\n]+\n\n$/);
});
