import {
  type Alias,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  Scalar,
} from 'yaml';
import type { ConfigError, Problem } from './errors.ts';
import { type Env, type Expansion, expand } from './expand.ts';
import type { Path } from './path.ts';

/** Values that aliases may stand for in all: far more than a person writes, far fewer than exhaust memory. */
const ALIASED_VALUES = 1_000_000;

/** Depth of nesting that no configuration needs. */
const DEPTH = 200;

/** Syntax errors that are worth telling: what follows is mostly about the first. */
const SYNTAX_ERRORS = 5;

type Container = Record<string, unknown> | unknown[];

/** A scalar that holds something from the environment, both as text and as what YAML would read that text as. */
interface EnvScalar {
  readonly text: string;
  readonly typed: unknown;
}

/** A configuration text as plain data that still knows where each value was written. */
export interface Document {
  /** Null, booleans, numbers, strings, arrays and objects. */
  readonly data: unknown;
  readonly errors: readonly ConfigError[];
  /** True if the value there could not be read, so that nothing else need be said about it. */
  isBroken(path: Path): boolean;
  /**
   * Reads the scalar at a path as the text that its variable held instead of as the number or boolean that it looks like;
   * false if there is no such scalar.
   */
  useText(path: Path): boolean;
  /** Gives a problem its place and, unless it is secret, its value. */
  report(problem: Problem): ConfigError;
}

/**
 * Parses YAML 1.2 (core schema) or JSON and fills in variables inside its scalars, so that no value can change the
 * structure and comments are left alone (spec 01 §2.2). Mistakes are collected, never thrown.
 *
 * Not YAML enough for a configuration: merge keys, several documents, repeated keys, keys that are no text, unknown tags.
 */
export function readDocument(text: string, file: string, env: Env, isSecret: (path: Path) => boolean): Document {
  const reader = new Reader(text, file, env, isSecret);
  reader.read();
  return reader;
}

class Reader implements Document {
  data: unknown = null;
  readonly errors: ConfigError[] = [];
  readonly #text: string;
  readonly #file: string;
  readonly #env: Env;
  readonly #isSecret: (path: Path) => boolean;
  readonly #lines = new LineCounter();
  #root: unknown;
  readonly #anchors = new Map<string, Node>();
  readonly #targets = new Map<Alias, Node>();
  readonly #values = new Map<Node, unknown>();
  readonly #sizes = new Map<Node, number>();
  #aliased = 0;
  #depth = 0;
  readonly #broken = new Set<unknown>();
  /** Nodes whose value, or key, holds something from the environment. */
  readonly #fromEnv = new Set<unknown>();
  readonly #scalars = new Map<Container, Map<string | number, EnvScalar>>();

  constructor(text: string, file: string, env: Env, isSecret: (path: Path) => boolean) {
    this.#text = text;
    this.#file = file;
    this.#env = env;
    this.#isSecret = isSecret;
  }

  read(): void {
    const document = this.#parse();
    if (document === undefined) return;
    this.#root = document.contents;
    if (this.#root === null || (isScalar(this.#root) && this.#root.value === null)) {
      this.#fail(0, 'the configuration is empty; the smallest one is {}');
      return;
    }
    const holder: unknown[] = [];
    try {
      this.#value(this.#root as Node, holder, 0);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#fail(0, 'the configuration is nested too deeply');
      return;
    }
    this.data = holder[0];
  }

  #parse() {
    try {
      const document = parseDocument(this.#text, {
        lineCounter: this.#lines,
        keepSourceTokens: false,
        prettyErrors: false,
        schema: 'core',
        merge: false,
        uniqueKeys: false,
        logLevel: 'error',
      });
      for (const error of [...document.errors, ...document.warnings].slice(0, SYNTAX_ERRORS)) {
        const several = error.code === 'MULTIPLE_DOCS';
        this.#fail(
          error.pos[0],
          several ? 'only one YAML document is allowed' : `invalid YAML: ${firstLine(error.message)}`,
        );
      }
      return this.errors.length > 0 ? undefined : document;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#fail(0, 'the configuration is nested too deeply');
      return undefined;
    }
  }

  /** Puts the value of a node into its container and returns how many values that is. */
  #value(node: Node, into: Container, key: string | number): number {
    if (isAlias(node)) return this.#alias(node, into, key);
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor !== undefined) this.#anchors.set(anchor, node);
    if (++this.#depth > DEPTH) throw new RangeError('too deep');
    const size = 1 + this.#content(node, into, key);
    this.#depth--;
    if (anchor !== undefined) {
      this.#values.set(node, read(into, key));
      this.#sizes.set(node, size);
    }
    return size;
  }

  /** Puts the value of what is no alias into its container and returns how many values stand inside it. */
  #content(node: Node, into: Container, key: string | number): number {
    let size = 0;
    if (isMap(node)) {
      const object: Record<string, unknown> = {};
      for (const pair of node.items) if (isPair(pair)) size += this.#pair(pair, object);
      put(into, key, object);
    } else if (isSeq(node)) {
      const list: unknown[] = [];
      for (const [index, item] of node.items.entries()) size += this.#value(item as Node, list, index);
      put(into, key, list);
    } else if (isScalar(node)) {
      this.#scalar(node, into, key);
    } else {
      put(into, key, null);
    }
    return size;
  }

  #pair(pair: { key: unknown; value: unknown }, object: Record<string, unknown>): number {
    const keyNode = isAlias(pair.key) ? this.#anchors.get(pair.key.source) : pair.key;
    const at = offsetOf(pair.key);
    if (!isScalar(keyNode) || (keyNode.value === null && !keyNode.source)) {
      this.#fail(at, 'a key must be a text');
      return 1;
    }
    // the source, because `8000` and `1.10` are names here
    const source = typeof keyNode.value === 'string' ? keyNode.value : (keyNode.source ?? String(keyNode.value));
    const expansion = expandKey(source, this.#env);
    if (expansion.fromEnv) this.#fromEnv.add(pair.key);
    for (const name of expansion.unset) this.#fail(at, unsetMessage(name));
    const key = expansion.text;
    if (key === '<<' && keyNode.type === Scalar.PLAIN) {
      this.#fail(at, 'merge keys (<<) are not applied; write the fields out, or use an alias for a whole value');
      return 1;
    }
    if (key === '__proto__') {
      this.#fail(at, 'the key "__proto__" is not allowed');
      return 1;
    }
    if (Object.hasOwn(object, key)) {
      this.#fail(at, expansion.fromEnv ? 'repeated key' : `repeated key ${JSON.stringify(key)}`);
      return 1;
    }
    if (pair.value === null || pair.value === undefined) {
      object[key] = null;
      return 1;
    }
    return this.#value(pair.value as Node, object, key);
  }

  #scalar(node: Scalar, into: Container, key: string | number): void {
    if (typeof node.value !== 'string' || !node.value.includes('$')) {
      put(into, key, node.value);
      return;
    }
    const expansion = expand(node.value, this.#env);
    if (expansion.unset.length > 0) {
      for (const name of expansion.unset) this.#fail(offsetOf(node), unsetMessage(name));
      this.#broken.add(node);
    }
    if (expansion.fromEnv) this.#fromEnv.add(node);
    if (!expansion.fromEnv || node.type !== Scalar.PLAIN || expansion.unset.length > 0) {
      put(into, key, expansion.text);
      return;
    }
    this.#putEnv({ text: expansion.text, typed: asCoreScalar(expansion.text) }, into, key);
  }

  #putEnv(scalar: EnvScalar, into: Container, key: string | number): void {
    put(into, key, scalar.typed);
    let inside = this.#scalars.get(into);
    if (inside === undefined) {
      inside = new Map();
      this.#scalars.set(into, inside);
    }
    inside.set(key, scalar);
  }

  #alias(alias: Alias, into: Container, key: string | number): number {
    const target = this.#anchors.get(alias.source);
    const size = target === undefined ? undefined : this.#sizes.get(target);
    put(into, key, null);
    if (target === undefined || size === undefined) {
      const known =
        target === undefined ? 'no anchor of this name stands before the alias' : 'an alias may not contain itself';
      this.#fail(offsetOf(alias), known);
      return 1;
    }
    this.#targets.set(alias, target);
    this.#aliased += size;
    if (this.#aliased > ALIASED_VALUES) {
      if (this.#aliased - size <= ALIASED_VALUES) this.#fail(offsetOf(alias), 'aliases stand for too many values');
      return 1;
    }
    if (isScalar(target)) this.#scalar(target, into, key);
    else put(into, key, this.#values.get(target));
    return size;
  }

  isBroken(path: Path): boolean {
    return this.#broken.has(this.#resolve(this.#find(path).value));
  }

  useText(path: Path): boolean {
    const key = path.at(-1);
    if (key === undefined) return false;
    let container: unknown = this.data;
    for (const part of path.slice(0, -1)) container = isContainer(container) ? read(container, part) : undefined;
    if (!isContainer(container)) return false;
    const scalar = this.#scalars.get(container)?.get(key);
    if (scalar === undefined || read(container, key) === scalar.text) return false;
    put(container, key, scalar.text);
    return true;
  }

  report(problem: Problem): ConfigError {
    const found = this.#find(problem.path);
    const node = problem.at === 'key' ? (found.key ?? found.value) : found.value;
    const { line, col } = this.#lines.linePos(offsetOf(node));
    const hidden =
      found.missing ||
      this.#fromEnv.has(this.#resolve(found.value)) ||
      this.#fromEnv.has(found.key) ||
      this.#isSecret(problem.path);
    return {
      file: this.#file,
      line,
      column: col,
      path: found.shown,
      message: wording(problem, hidden),
      ...shownValue(problem, hidden ? undefined : this.#show(problem.path)),
      ...(problem.allowed ? { allowed: problem.allowed } : {}),
      ...(problem.suggestion !== undefined ? { suggestion: problem.suggestion } : {}),
    };
  }

  /** The value at a path, short enough for one line; containers by what they are, since a secret may stand inside. */
  #show(path: Path): string {
    let value: unknown = this.data;
    for (const part of path) value = isContainer(value) ? read(value, part) : undefined;
    if (Array.isArray(value)) return 'a list';
    if (value !== null && typeof value === 'object') return 'an object';
    const json = JSON.stringify(value) ?? 'nothing';
    return json.length > 80 ? `${json.slice(0, 77)}…"` : json;
  }

  /** The nodes at a path, as deep as the text goes; keys that came from the environment are shown as they were written. */
  #find(path: Path): { key: unknown; value: unknown; missing: boolean; shown: Path } {
    let value: unknown = this.#root;
    let key: unknown;
    const shown: (string | number)[] = [];
    for (const [depth, part] of path.entries()) {
      value = this.#resolve(value);
      const pair = isMap(value) ? value.items.find((item) => this.#keyOf(item.key) === String(part)) : undefined;
      const next = isMap(value)
        ? pair?.value
        : isSeq(value) && typeof part === 'number'
          ? value.items[part]
          : undefined;
      if (next === undefined && pair === undefined) {
        return { key, value, missing: true, shown: [...shown, ...path.slice(depth)] };
      }
      key = pair?.key;
      value = next ?? pair?.key;
      shown.push(this.#fromEnv.has(key) && isScalar(key) ? String(key.value) : part);
    }
    return { key, value, missing: false, shown };
  }

  #resolve(node: unknown): unknown {
    return isAlias(node) ? this.#targets.get(node) : node;
  }

  #keyOf(key: unknown): string | undefined {
    const node = isAlias(key) ? this.#anchors.get(key.source) : key;
    if (!isScalar(node)) return undefined;
    const source = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
    return expandKey(source, this.#env).text;
  }

  #fail(offset: number, message: string): void {
    const { line, col } = this.#lines.linePos(offset);
    this.errors.push({ file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1), path: [], message });
  }
}

/** `$schema` is a name that editors know, not a variable. */
function expandKey(source: string, env: Env): Expansion {
  return source === '$schema' ? { text: source, fromEnv: false, unset: [] } : expand(source, env);
}

function unsetMessage(name: string): string {
  return `environment variable ${name} is not set; set it, give a default with \${${name}:-default}, or write $$ for a dollar sign`;
}

function shownValue(problem: Problem, shown: string | undefined): { value?: string } {
  if (problem.keyword !== undefined) return { value: problem.keyword };
  return problem.showValue && shown !== undefined ? { value: shown } : {};
}

function wording(problem: Problem, hidden: boolean): string {
  if (hidden) return problem.hiddenMessage ?? problem.message;
  return problem.detail === undefined ? problem.message : `${problem.message} (${problem.detail})`;
}

/** What YAML's core schema reads a plain text as, as far as it is a number or a boolean. */
function asCoreScalar(text: string): unknown {
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (/^[-+]?\d+$/.test(text) || /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(text)) return Number(text);
  return text;
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}

function put(into: Container, key: string | number, value: unknown): void {
  (into as Record<string | number, unknown>)[key] = value;
}

function read(from: Container, key: string | number): unknown {
  return Object.hasOwn(from, key) ? (from as Record<string | number, unknown>)[key] : undefined;
}

function offsetOf(node: unknown): number {
  return (node as { range?: readonly number[] | null } | null | undefined)?.range?.[0] ?? 0;
}

function firstLine(text: string): string {
  const end = text.indexOf('\n');
  return end < 0 ? text : text.slice(0, end);
}
