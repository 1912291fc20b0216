/** From silent to everything (spec 10 §3.5). */
export const logLevels = ['off', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof logLevels)[number];

/** What to change where: `<level>` for everything, or `<scope>=<level>`. */
interface Directive {
  /** Empty for everything. */
  readonly scope: string;
  readonly level: LogLevel;
}

/** A directive that cannot be read; `clause` is the text it stands in. */
export class LevelError extends Error {
  override readonly name = 'LevelError';
  readonly clause: string;

  constructor(clause: string) {
    super(`Invalid level provided: ${clause}`);
    this.clause = clause;
  }
}

/** Scopes that are remembered; they are names in the code, so that the bound is never met by honest use. */
const MEMO_LIMIT = 1_000;

/**
 * Which lines are written: directives of spec 10 §3.5, changed at run time. Later directives of a scope win, and at look-up
 * the longest scope that is the asked one or a parent of it (`a` is a parent of `a::b`, `upstream` of `upstream request`).
 */
export class LogLevels {
  readonly #start: readonly Directive[];
  #directives: readonly Directive[];
  readonly #memo = new Map<string, number>();
  readonly #listeners: (() => void)[] = [];

  /** @throws LevelError */
  constructor(directives = '') {
    this.#start = combine([{ scope: '', level: 'info' }], parse(directives));
    this.#directives = this.#start;
  }

  /** Is a line of this level written? */
  enabled(scope: string, level: Exclude<LogLevel, 'off'>): boolean {
    return this.#rank(scope) >= logLevels.indexOf(level);
  }

  /** The directives in force, as they would be written. */
  get current(): string {
    return this.#directives.map(({ scope, level }) => (scope === '' ? level : `${scope}=${level}`)).join(',');
  }

  /** Lays directives over those in force. @throws LevelError, and then nothing has changed. */
  merge(directives: string): void {
    this.#replace(combine(this.#directives, parse(directives)));
  }

  /** Back to the start, with more directives on top if there are any. @throws LevelError, and then nothing has changed. */
  reset(directives = ''): void {
    this.#replace(combine(this.#start, parse(directives)));
  }

  /** Puts a whole list in force, such as `current` of another thread. @throws LevelError */
  set(directives: string): void {
    this.#replace(combine([{ scope: '', level: 'info' }], parse(directives)));
  }

  /** Called after every change. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #replace(directives: readonly Directive[]): void {
    this.#directives = directives;
    this.#memo.clear();
    for (const listener of this.#listeners) listener();
  }

  #rank(scope: string): number {
    const known = this.#memo.get(scope);
    if (known !== undefined) return known;
    let best: Directive | undefined;
    for (const directive of this.#directives) {
      if (covers(directive.scope, scope) && (best === undefined || directive.scope.length > best.scope.length)) {
        best = directive;
      }
    }
    const rank = logLevels.indexOf(best?.level ?? 'info');
    if (this.#memo.size >= MEMO_LIMIT) this.#memo.clear();
    this.#memo.set(scope, rank);
    return rank;
  }
}

function parse(text: string): readonly Directive[] {
  return text
    .split(',')
    .map((clause) => clause.trim())
    .filter((clause) => clause !== '')
    .map((clause) => {
      const equals = clause.lastIndexOf('=');
      const scope = equals < 0 ? '' : clause.slice(0, equals).trim();
      const level = clause
        .slice(equals + 1)
        .trim()
        .toLowerCase();
      if (!isLevel(level) || (equals >= 0 && scope === '')) throw new LevelError(clause);
      return { scope, level };
    });
}

/** Scopes keep the place they first had: the list reads the same however often a level is changed. */
function combine(base: readonly Directive[], more: readonly Directive[]): readonly Directive[] {
  const byScope = new Map(base.map((directive) => [directive.scope, directive]));
  for (const directive of more) byScope.set(directive.scope, directive);
  return [...byScope.values()];
}

function isLevel(text: string): text is LogLevel {
  return (logLevels as readonly string[]).includes(text);
}

function covers(parent: string, scope: string): boolean {
  if (parent === '') return true;
  if (!scope.startsWith(parent)) return false;
  return scope.length === parent.length || !/[A-Za-z0-9_]/.test(scope.charAt(parent.length));
}
