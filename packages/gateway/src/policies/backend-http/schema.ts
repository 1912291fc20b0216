import type { z } from 'zod';
import { duration } from '../../config/duration.ts';
import { present } from '../../config/present.ts';
import { closed, maybe, word } from '../../config/schema/closed.ts';
import type { BackendHttpSpec } from './spec.ts';

/** `http` of a backend in the file. */
export const backendHttpSchema = closed({
  version: maybe(word(['HTTP/1.1', 'HTTP/2.0'], ['HTTP/0.9', 'HTTP/1.0', 'HTTP/3.0'])),
  requestTimeout: maybe(duration()).describe('Until the head of a response; overrides backendRequestTimeout.'),
});

/** What the file says, as a resource. */
export function backendHttpSpec({ version, requestTimeout }: z.output<typeof backendHttpSchema>): BackendHttpSpec {
  return {
    ...(version == null ? {} : { version: version === 'HTTP/2.0' ? ('http2' as const) : ('http1' as const) }),
    ...present({ requestTimeout: requestTimeout ?? undefined }),
  };
}
