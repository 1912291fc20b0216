/** `T` without its nulls and undefineds: a field that may be either becomes one that may be absent. */
export type Present<T> = {
  readonly [K in keyof T as null extends T[K] ? never : undefined extends T[K] ? never : K]: T[K];
} & {
  readonly [K in keyof T as null extends T[K] ? K : undefined extends T[K] ? K : never]?: NonNullable<T[K]>;
};

/** Copies an object without the fields that are null or undefined: in a resource, absent is the one way to be unset. */
export function present<T extends object>(fields: T): Present<T> {
  const kept: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) if (value != null) kept[key] = value;
  return kept as Present<T>;
}
