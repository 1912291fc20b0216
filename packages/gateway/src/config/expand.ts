/** Environment of a process, or what stands in for it in a test. */
export type Env = Readonly<Record<string, string | undefined>>;

/** A text with its variables filled in, and the names of those that are not set. */
export interface Expansion {
  readonly text: string;
  /** True if any part of the text came from a variable or its default. */
  readonly fromEnv: boolean;
  readonly unset: readonly string[];
}

const reference = /\$(?:\$|(\w+)|\{(\w+)(?::-([^}]*))?\})/g;

/**
 * Fills in `$NAME`, `${NAME}` and `${NAME:-default}`; `$$` is a dollar, and a `$` before anything else stays (spec 01
 * §2.2). The default counts only where the variable is not set: an empty one is empty.
 */
export function expand(text: string, env: Env): Expansion {
  if (!text.includes('$')) return { text, fromEnv: false, unset: [] };
  const unset: string[] = [];
  let fromEnv = false;
  const filled = text.replace(reference, (whole, bare?: string, braced?: string, fallback?: string) => {
    const name = bare ?? braced;
    if (name === undefined) return '$';
    fromEnv = true;
    const value = env[name] ?? fallback;
    if (value !== undefined) return value;
    unset.push(name);
    return whole;
  });
  return { text: filled, fromEnv, unset };
}
