import { z } from 'zod';

/** What a closed object adds to the issue of an unknown field; `problems.ts` reads it back. */
export interface UnknownFieldDetails {
  readonly allowed: readonly string[];
  readonly known: readonly string[];
}

/** What the custom issues of the schemas say beside their message. */
export interface CustomParams {
  /** Right, but not built yet. */
  readonly later?: boolean;
  /** The word of the configuration's own that this is about. */
  readonly keyword?: string;
  readonly allowed?: readonly string[];
  readonly at?: 'key' | 'value';
  /** The message shows as much of the value as is useful. */
  readonly hidden?: boolean;
}

/** Field that a later version carries out; absent and null are the same. One for all: building schemas takes time at every start. */
const notBuilt = z
  .unknown()
  .check((context) => {
    if (context.value != null) refuseForNow(context);
  })
  .optional();

/**
 * Object that refuses fields it does not know. Those in `later` are known to the specification but not built yet: they
 * are refused by name, which is another mistake than a misspelt one. Those in `removed` are refused with their cure.
 */
export function closed<Shape extends z.ZodRawShape>(
  shape: Shape,
  later: readonly string[] = [],
  removed: Readonly<Record<string, string>> = {},
) {
  const details: UnknownFieldDetails = { allowed: Object.keys(shape), known: [...Object.keys(shape), ...later] };
  const refused = Object.fromEntries([
    ...later.map((name) => [name, notBuilt]),
    ...Object.entries(removed).map(([name, cure]) => [name, gone(cure)]),
  ]);
  return z.strictObject({ ...refused, ...shape } as Shape, {
    error: (issue) => {
      // zod keeps what stands on an issue: this is how details reach the message
      if (issue.code === 'unrecognized_keys') Object.assign(issue, details);
      return undefined;
    },
  });
}

/** Field that was taken away long ago. */
function gone(cure: string) {
  return z
    .unknown()
    .check((context) => {
      context.issues.push({
        code: 'custom',
        input: context.value,
        message: cure,
        params: { at: 'key' },
        continue: true,
      });
    })
    .optional();
}

/** Reports the value at hand as right but not built yet; the keyword is given where the value matters, not the field. */
export function refuseForNow(context: z.core.ParsePayload<unknown>, keyword?: string): void {
  const params: CustomParams = keyword === undefined ? { later: true } : { later: true, keyword };
  context.issues.push({ code: 'custom', input: context.value, params: { ...params }, continue: true });
}

/** One of a few words, some of which are not built yet. */
export function word<const Now extends readonly string[]>(now: Now, later: readonly string[] = []) {
  return z
    .enum([...now, ...later] as readonly string[] as [string, ...string[]])
    .check((context) => {
      if (later.includes(context.value)) refuseForNow(context, context.value);
    })
    .transform((value) => value as Now[number]);
}

/** `?` of the specification: may be left out or null. */
export function maybe<T extends z.ZodType>(schema: T) {
  return schema.nullish();
}

/** Checks that exactly one of the kinds is there; null counts as there. Silent where the object has another mistake already. */
export function exactlyOne(kinds: readonly string[]) {
  return (context: z.core.ParsePayload<unknown>): void => {
    // a misspelt kind, or one that is not built yet, is reported by name
    if (context.issues.length > 0) return;
    const set = kinds.filter((kind) => Object.hasOwn(context.value as object, kind));
    if (set.length === 1) return;
    const wanted = kinds.length === 1 ? `${kinds[0]} must be set` : `exactly one of ${kinds.join(', ')} must be set`;
    const message = set.length === 0 ? wanted : `${wanted}, found ${set.join(' and ')}`;
    context.issues.push({ code: 'custom', input: context.value, message, params: { at: 'key' } });
  };
}

/** Checks that a field with two names is there once; null counts as there. */
export function oneOfNames(name: string, alias: string) {
  return (context: z.core.ParsePayload<unknown>): void => {
    const has = (field: string) => Object.hasOwn(context.value as object, field);
    if (!has(name) || !has(alias)) return;
    const message = `duplicate field: ${alias} is another name of ${name}`;
    context.issues.push({ code: 'custom', input: context.value, message, path: [alias], params: { at: 'key' } });
  };
}

/** Checks that fields are there which the form that is not built yet has no need of. */
export function required(fields: readonly string[]) {
  return (context: z.core.ParsePayload<unknown>): void => {
    if (context.issues.length > 0) return;
    for (const field of fields) {
      if (Object.hasOwn(context.value as object, field)) continue;
      context.issues.push({ code: 'custom', input: context.value, path: [field], message: 'is required' });
    }
  };
}
