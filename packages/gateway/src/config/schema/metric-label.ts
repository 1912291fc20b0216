import { z } from 'zod';

/** Labels that metrics of requests have, or will have, and that Prometheus makes. */
export const takenLabels: ReadonlySet<string> = new Set([
  'le',
  'quantile',
  'bind',
  'gateway',
  'listener',
  'route',
  'route_rule',
  'backend',
  'protocol',
  'method',
  'status',
  'reason',
  'gen_ai_operation_name',
  'gen_ai_system',
  'gen_ai_request_model',
  'gen_ai_response_model',
  'gen_ai_token_type',
  'resource_type',
  'server',
  'resource',
]);

/** Name of a label that the configuration adds (Prometheus' data model); two underscores are Prometheus' own. */
export function metricLabel() {
  return z
    .string()
    .refine(
      (text) => /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/.test(text),
      'not the name of a label; write letters, digits and _',
    )
    .refine((text) => !takenLabels.has(text), 'metrics have a label of this name; choose another');
}
