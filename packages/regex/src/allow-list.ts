import { CharSet, escapeAscii } from './char-set.ts';

/** Characters of one kind some number of times, or one word out of several. */
export type Item =
  | { readonly kind: 'chars'; readonly set: CharSet; readonly min: number; readonly max: number }
  | { readonly kind: 'words'; readonly words: readonly string[] };

/** One of the alternatives of a pattern. */
export interface Branch {
  readonly atStart: boolean;
  readonly atEnd: boolean;
  readonly items: readonly Item[];
}

/** What the allow-list made of a pattern; the sources are for native RegExp with the `u` flag. */
export interface NativePattern {
  readonly branches: readonly Branch[];
  /** For the whole text. */
  readonly full: string;
  /** For a search in the text; null if a search could take more than linear time. */
  readonly search: string | null;
}

/** Repetitions beyond this are left to the linear engine, which has a limit of its own. */
const maxRepeat = 100;
/** Characters behind the one repetition that may be tried at every place: the factor on the length of the text. */
const maxTail = 64;
/** Sum of the least lengths of a branch. */
const maxLength = 1_000;

/**
 * Reads a pattern of the allow-listed subset: ASCII literals, escaped punctuation, `.`, classes, `\d \w \s` and their
 * negations, `^ \A $ \z` at the ends, groups without a quantifier, alternatives, and quantifiers on single characters
 * only where a backtracking engine has no choice to take back.
 *
 * That is: what a quantified item may eat and what may follow it are disjoint, so giving back a character fails at once.
 * One item of a branch may break the rule, if everything behind it has a fixed, short length.
 *
 * @returns null if the pattern is outside the subset, which says nothing about whether it is right.
 */
export function readAllowListed(source: string): NativePattern | null {
  try {
    const reader = new Reader(source);
    const branches = reader.alternatives(0);
    if (!branches.every(isLinear)) return null;
    return {
      branches,
      full: `^(?:${branches.map((branch) => nativeItems(branch.items)).join('|')})$`,
      search: branches.every((branch) => branch.atStart || branch.items.every(isFixed))
        ? `(?:${branches.map(nativeBranch).join('|')})`
        : null,
    };
  } catch (error) {
    if (error === outside) return null;
    throw error;
  }
}

/** Thrown by the reader where the pattern leaves the subset. */
const outside: unique symbol = Symbol('outside the allow-list');

const digits = CharSet.range(0x30, 0x39);
const wordChars = digits.union(CharSet.range(0x41, 0x5a)).union(CharSet.range(0x61, 0x7a)).union(CharSet.of('_'));
const spaces = CharSet.range(0x09, 0x0a).union(CharSet.range(0x0c, 0x0d)).union(CharSet.of(' '));
const shorthands: Readonly<Record<string, CharSet>> = {
  d: digits,
  D: digits.complement(),
  w: wordChars,
  W: wordChars.complement(),
  s: spaces,
  S: spaces.complement(),
};
const notNewline = CharSet.of('\n').complement();

const metaCharacters = '\\.+*?()|[]{}^$';
const isPunctuation = (char: string): boolean => /^[!-/:-@[-`{-~]$/.test(char);

class Reader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  /** `a|b|c`, up to the end of the pattern or of the group. */
  alternatives(depth: number): Branch[] {
    if (depth > 20) throw outside;
    const branches: Branch[] = [];
    for (;;) {
      branches.push(this.#branch(depth));
      if (this.#take('|')) continue;
      if (depth === 0 && this.#at < this.#source.length) throw outside;
      return branches;
    }
  }

  #branch(depth: number): Branch {
    const items: Item[] = [];
    const atStart = this.#take('^') || this.#take('\\A');
    let atEnd = false;
    if (atStart) this.#refuseQuantifier();
    while (this.#at < this.#source.length) {
      const next = this.#source[this.#at] as string;
      if (next === '|' || next === ')') break;
      if (atEnd) throw outside;
      if (this.#take('$') || this.#take('\\z')) {
        atEnd = true;
        this.#refuseQuantifier();
      } else if (next === '(') {
        items.push(...this.#group(depth));
      } else {
        items.push(this.#quantified(this.#set()));
      }
    }
    // An anchor inside of a group stands in the middle of the pattern.
    if (depth > 0 && (atStart || atEnd)) throw outside;
    return { atStart, atEnd, items };
  }

  #group(depth: number): readonly Item[] {
    this.#at++;
    if (this.#peek() === '?' && !this.#take('?:')) throw outside;
    const branches = this.alternatives(depth + 1);
    if (!this.#take(')')) throw outside;
    this.#refuseQuantifier();
    const [only] = branches;
    if (branches.length === 1 && only !== undefined) return only.items;
    const words = branches.map((branch) => wordOf(branch.items));
    // Where one word begins another, both could fit at one place, and a chain of such groups would multiply.
    const prefixFree = words.every((word, i) => words.every((other, j) => i === j || !other.startsWith(word)));
    if (!prefixFree) throw outside;
    return [{ kind: 'words', words }];
  }

  #set(): CharSet {
    const char = this.#next();
    if (char === '.') return notNewline;
    if (char === '[') return this.#class();
    if (char === '\\') return this.#escaped();
    if (metaCharacters.includes(char)) throw outside;
    return literal(char);
  }

  #escaped(): CharSet {
    const char = this.#next();
    const shorthand = Object.hasOwn(shorthands, char) ? shorthands[char] : undefined;
    if (shorthand !== undefined) return shorthand;
    if (isPunctuation(char)) return CharSet.of(char);
    throw outside;
  }

  #class(): CharSet {
    const negated = this.#take('^');
    let set = CharSet.empty;
    // As the first of a class, `]` stands for itself.
    if (this.#peek() === ']') throw outside;
    for (;;) {
      if (this.#take(']')) break;
      if (this.#take('-]')) {
        set = set.union(CharSet.of('-'));
        break;
      }
      const low = this.#classChar();
      if (low instanceof CharSet) {
        // `[\d-z]` means different things in different dialects.
        if (this.#peek() === '-' && this.#source[this.#at + 1] !== ']') throw outside;
        set = set.union(low);
        continue;
      }
      let high = low;
      if (this.#peek() === '-' && this.#source[this.#at + 1] !== ']') {
        this.#at++;
        const end = this.#classChar();
        if (end instanceof CharSet || end < low) throw outside;
        high = end;
      }
      set = set.union(CharSet.range(low, high));
    }
    if (negated) set = set.complement();
    if (set.isEmpty) throw outside;
    return set;
  }

  /** A code, or the set of a shorthand. */
  #classChar(): number | CharSet {
    const char = this.#next();
    if (char !== '\\') {
      if ('[]^-&~'.includes(char) || char.charCodeAt(0) >= 128) throw outside;
      return char.charCodeAt(0);
    }
    const escapedChar = this.#next();
    const shorthand = Object.hasOwn(shorthands, escapedChar) ? shorthands[escapedChar] : undefined;
    if (shorthand !== undefined) return shorthand;
    if (isPunctuation(escapedChar)) return escapedChar.charCodeAt(0);
    throw outside;
  }

  #quantified(set: CharSet): Item {
    let [min, max] = [1, 1];
    if (this.#take('*')) [min, max] = [0, Number.POSITIVE_INFINITY];
    else if (this.#take('+')) [min, max] = [1, Number.POSITIVE_INFINITY];
    else if (this.#take('?')) [min, max] = [0, 1];
    else if (this.#peek() === '{') [min, max] = this.#counts();
    else return { kind: 'chars', set, min, max };
    // Lazy or greedy: the same texts match.
    this.#take('?');
    this.#refuseQuantifier();
    return { kind: 'chars', set, min, max };
  }

  #counts(): [min: number, max: number] {
    const found = /^\{(\d{1,3})(,(\d{0,3}))?\}/.exec(this.#source.slice(this.#at, this.#at + 10));
    if (found === null) throw outside;
    this.#at += found[0].length;
    const min = Number(found[1]);
    const max = found[2] === undefined ? min : found[3] === '' ? Number.POSITIVE_INFINITY : Number(found[3]);
    if (max < min || min > maxRepeat || (max > maxRepeat && max !== Number.POSITIVE_INFINITY)) throw outside;
    return [min, max];
  }

  #refuseQuantifier(): void {
    const char = this.#peek();
    if (char === '*' || char === '+' || char === '?' || char === '{') throw outside;
  }

  #peek(): string | undefined {
    return this.#source[this.#at];
  }

  #next(): string {
    const char = this.#source[this.#at++];
    if (char === undefined) throw outside;
    return char;
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }
}

function literal(char: string): CharSet {
  if (char.charCodeAt(0) >= 128) throw outside;
  return CharSet.of(char);
}

/** The text of a branch that is nothing but characters; leaves the subset if it is anything else or empty. */
function wordOf(items: readonly Item[]): string {
  let word = '';
  for (const item of items) {
    if (item.kind !== 'chars' || item.min !== 1 || item.max !== 1) throw outside;
    word += singleCharacter(item.set) ?? '';
  }
  if (word.length !== items.length || word === '') throw outside;
  return word;
}

function singleCharacter(set: CharSet): string | null {
  if (set.beyondAscii) return null;
  let found: string | null = null;
  for (let code = 0; code < 128; code++) {
    if (!set.has(code)) continue;
    if (found !== null) return null;
    found = String.fromCharCode(code);
  }
  return found;
}

function isFixed(item: Item): boolean {
  return item.kind === 'words' || item.min === item.max;
}

/** Longest and shortest text of an item, in characters. */
const longest = (item: Item): number =>
  item.kind === 'words' ? Math.max(...item.words.map((word) => word.length)) : item.max;
const shortest = (item: Item): number =>
  item.kind === 'words' ? Math.min(...item.words.map((word) => word.length)) : item.min;

const firstOf = (item: Item): CharSet =>
  item.kind === 'chars' ? item.set : item.words.reduce((set, word) => set.union(CharSet.of(word)), CharSet.empty);

function isLinear({ items }: Branch): boolean {
  if (items.reduce((sum, item) => sum + shortest(item), 0) > maxLength) return false;
  return items.every((item, index) => {
    if (item.kind === 'words' || isFixed(item)) return true;
    const rest = items.slice(index + 1);
    if (!mayFollow(item.set, rest)) return true;
    return rest.every(isFixed) && rest.reduce((sum, next) => sum + longest(next), 0) <= maxTail;
  });
}

/** Could a character of `set` be the first that the rest eats? */
function mayFollow(set: CharSet, rest: readonly Item[]): boolean {
  for (const item of rest) {
    if (longest(item) === 0) continue;
    if (set.overlaps(firstOf(item))) return true;
    if (shortest(item) > 0) return false;
  }
  return false;
}

function nativeBranch(branch: Branch): string {
  return `${branch.atStart ? '^' : ''}${nativeItems(branch.items)}${branch.atEnd ? '$' : ''}`;
}

function nativeItems(items: readonly Item[]): string {
  return items.map(nativeItem).join('');
}

function nativeItem(item: Item): string {
  if (item.kind === 'words') return `(?:${item.words.map(nativeWord).join('|')})`;
  const single = singleCharacter(item.set);
  return (single === null ? item.set.toNative() : nativeWord(single)) + nativeCounts(item.min, item.max);
}

function nativeWord(word: string): string {
  return Array.from(word, (char) => escapeAscii(char.charCodeAt(0))).join('');
}

function nativeCounts(min: number, max: number): string {
  if (min === 1 && max === 1) return '';
  if (max === Number.POSITIVE_INFINITY) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`;
  return min === max ? `{${min}}` : `{${min},${max}}`;
}
