import { RE2JS, RE2JSException } from 're2js';
import { type NativePattern, readAllowListed } from './allow-list.ts';

/**
 * A user's pattern, matched in time linear in the text whatever the text is.
 *
 * The dialect is RE2's: no look-around and no back-references, `\d \w \s` are ASCII, `.` is any code point but a newline,
 * `$` is the end of the text. Texts that hold bytes (header values in latin1) are matched as code points U+0000 to U+00FF.
 */
export interface LinearRegex {
  readonly source: string;
  /** Which engine `matchesFully` uses: V8's where the pattern gives it nothing to take back, RE2's automaton otherwise. */
  readonly engine: 'native' | 're2';
  /** Does the pattern span the whole text? As `^(?:source)$`: every alternative is considered, not only the first that fits. */
  matchesFully(text: string): boolean;
  /** Does the pattern occur in the text? */
  test(text: string): boolean;
  /**
   * Replaces the first match. `$1`, `$name` and `${name}` stand for groups (the longest run of letters, digits and `_` is the name), `$$`
   * for a dollar; a group that is not there, or took no part, is empty.
   */
  replaceFirst(text: string, replacement: string): string;
}

export type CompiledRegex =
  | { readonly ok: true; readonly regex: LinearRegex }
  /** What is wrong with the pattern, for the person who wrote it. */
  | { readonly ok: false; readonly message: string };

/** Compiles a pattern. Never throws; memory and time are bounded by the length of the pattern. */
export function compileRegex(source: string): CompiledRegex {
  const native = readAllowListed(source);
  if (native !== null) return { ok: true, regex: new NativeRegex(source, native) };
  try {
    return { ok: true, regex: new Re2Regex(source) };
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error;
    return { ok: false, message: error.message.replace(/^error parsing regexp: /, '') };
  }
}

class Re2Regex implements LinearRegex {
  readonly source: string;
  readonly engine = 're2';
  readonly #pattern: RE2JS;

  constructor(source: string) {
    this.source = source;
    this.#pattern = RE2JS.compile(source);
  }

  matchesFully(text: string): boolean {
    return this.#pattern.testExact(text);
  }

  test(text: string): boolean {
    return this.#pattern.test(text);
  }

  replaceFirst(text: string, replacement: string): string {
    return replaceFirst(this.#pattern, text, replacement);
  }
}

class NativeRegex implements LinearRegex {
  readonly source: string;
  readonly engine = 'native';
  readonly #full: RegExp;
  readonly #search: RegExp | null;
  /** Made when first needed: few patterns are searched for. */
  #re2: RE2JS | null = null;

  constructor(source: string, pattern: NativePattern) {
    this.source = source;
    this.#full = new RegExp(pattern.full, 'u');
    this.#search = pattern.search === null ? null : new RegExp(pattern.search, 'u');
  }

  matchesFully(text: string): boolean {
    return this.#full.test(text);
  }

  test(text: string): boolean {
    if (this.#search !== null) return this.#search.test(text);
    this.#re2 ??= RE2JS.compile(this.source);
    return this.#re2.test(text);
  }

  replaceFirst(text: string, replacement: string): string {
    this.#re2 ??= RE2JS.compile(this.source);
    return replaceFirst(this.#re2, text, replacement);
  }
}

const groupReference = /\$(?:\$|\{([^}]*)\}|([0-9A-Za-z_]+))/g;

function replaceFirst(pattern: RE2JS, text: string, replacement: string): string {
  const matcher = pattern.matcher(text);
  if (!matcher.find()) return text;
  const names = pattern.namedGroups();
  const group = (name: string): string => {
    const index = /^\d+$/.test(name) ? Number(name) : Object.hasOwn(names, name) ? (names[name] as number) : -1;
    return index < 0 || index > matcher.groupCount() ? '' : (matcher.group(index) ?? '');
  };
  const filled = replacement.replace(groupReference, (all: string, braced?: string, bare?: string) =>
    all === '$$' ? '$' : group(braced ?? bare ?? ''),
  );
  return text.slice(0, matcher.start()) + filled + text.slice(matcher.end());
}
