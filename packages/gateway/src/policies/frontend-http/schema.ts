import { z } from 'zod';
import { duration } from '../../config/duration.ts';
import { present } from '../../config/present.ts';
import { closed, maybe } from '../../config/schema/closed.ts';
import { u32, uint } from '../../config/schema/fields.ts';
import type { FrontendHttpSpec } from './spec.ts';

const frameSize = 'must be from 16384 to 16777215 (RFC 9113 §6.5.2)';
const windowSize = 'must be from 1 to 2147483647 (RFC 9113 §6.9.1)';
const window = () => u32().min(1, windowSize).max(2147483647, windowSize);

/** `frontendPolicies.http` in the file (spec 02 §2.6). */
export const frontendHttpSchema = closed({
  maxBufferSize: uint().optional(),
  http1MaxHeaders: maybe(uint().min(1, 'must be at least 1')),
  http1IdleTimeout: duration().optional(),
  http1HeaderCase: z.enum(['lowercase', 'preserve']).optional(),
  http2WindowSize: maybe(window()),
  http2ConnectionWindowSize: maybe(window()),
  http2FrameSize: maybe(u32().min(16384, frameSize).max(16777215, frameSize)),
  http2MaxHeaderSize: maybe(u32()),
  http2KeepaliveInterval: maybe(duration()),
  http2KeepaliveTimeout: maybe(duration()),
  maxConnectionDuration: maybe(duration()),
});

/** What the file says, as a resource. */
export function frontendHttpSpec(options: z.output<typeof frontendHttpSchema>): FrontendHttpSpec {
  return present(options) as FrontendHttpSpec;
}
