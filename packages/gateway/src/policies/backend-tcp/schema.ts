import type { z } from 'zod';
import { duration } from '../../config/duration.ts';
import { closed } from '../../config/schema/closed.ts';
import { keepalivesSchema } from '../frontend-tcp/schema.ts';
import type { BackendTcpSpec } from './spec.ts';

/** `tcp` of a backend in the file. */
export const backendTcpSchema = closed({ keepalives: keepalivesSchema, connectTimeout: duration() });

/** What the file says, as a resource. */
export function backendTcpSpec({ keepalives, connectTimeout }: z.output<typeof backendTcpSchema>): BackendTcpSpec {
  return { keepalives, connectTimeout };
}
