import { z } from 'zod';
import type { Expression } from '../../resources/model.ts';
import { closed } from './closed.ts';
import { expression } from './expression.ts';

/** What a policy that may be conditional is in the file: its options, or a list of them with conditions. */
export type MaybeConditional<Options, EntryOptions = Options> =
  | { readonly options: Options }
  | { readonly entries: readonly { readonly condition: Expression | null; readonly options: EntryOptions }[] };

const conditionSchema = expression().nullish();

/**
 * A policy's schema with `conditional` beside it (spec 03 §2.4): the key decides which of the two it is.
 *
 * @param entrySchema The fields that an entry has besides its condition.
 */
export function conditional<Schema extends z.ZodType, EntrySchema extends z.ZodType = Schema>(
  schema: Schema,
  entrySchema: EntrySchema = schema as unknown as EntrySchema,
) {
  const entry = z.unknown().transform((value, context) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      context.addIssue({ code: 'custom', message: 'expected an object with condition and the fields of the policy' });
      return z.NEVER;
    }
    const { condition: given, ...rest } = value as Record<string, unknown>;
    const condition = conditionSchema.safeParse(given);
    if (!condition.success) forward(condition.error, ['condition'], context);
    const options = entrySchema.safeParse(rest);
    if (!options.success) forward(options.error, [], context);
    if (!condition.success || !options.success) return z.NEVER;
    return { condition: condition.data ?? null, options: options.data };
  });
  const list = closed({
    conditional: z
      .array(entry)
      .min(1, 'conditional policies must have at least one entry')
      .max(64, 'conditional policies may have at most 64 entries')
      .refine(
        (entries) => entries.every(({ condition }, i) => condition !== null || i === entries.length - 1),
        'entries without condition must be last',
      ),
  });
  return z.unknown().transform((value, context): MaybeConditional<z.output<Schema>, z.output<EntrySchema>> => {
    if (typeof value === 'object' && value !== null && Object.hasOwn(value, 'conditional')) {
      const parsed = list.safeParse(value);
      if (parsed.success) return { entries: parsed.data.conditional };
      return forward(parsed.error, [], context);
    }
    const parsed = schema.safeParse(value);
    return parsed.success ? { options: parsed.data } : forward(parsed.error, [], context);
  });
}

function forward(error: z.ZodError, path: readonly PropertyKey[], context: z.RefinementCtx): never {
  for (const issue of error.issues)
    context.issues.push({ ...issue, path: [...path, ...issue.path] } as z.core.$ZodRawIssue);
  return z.NEVER;
}

/** The policy, its options turned into specifications. */
export function conditionalPolicy<K extends string, Options, EntryOptions, Spec>(
  kind: K,
  given: MaybeConditional<Options, EntryOptions>,
  specOf: (options: Options) => Spec,
  entrySpecOf: (options: EntryOptions) => Spec = specOf as unknown as (options: EntryOptions) => Spec,
) {
  if ('options' in given) return { kind, spec: specOf(given.options) };
  return {
    kind,
    entries: given.entries.map(({ condition, options }) => ({ condition, spec: entrySpecOf(options) })),
  };
}
