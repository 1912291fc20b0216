import type { BackendReference, Resource } from '../../resources/model.ts';
import type { Problem } from '../errors.ts';
import type { Env } from '../expand.ts';
import type { Files } from '../files.ts';
import type { Path } from '../path.ts';
import type { ReferenceOptions } from '../schema/reference.ts';
import { backendReference } from './reference.ts';

/** Checks a user's pattern; the answer's other members are of no interest here. */
export type CompileRegex = (source: string) => { readonly ok: true } | { readonly ok: false; readonly message: string };

/** Name and namespace of the one gateway of a standalone configuration (spec 01 §3.3). */
export const GATEWAY = 'default';

/** One translation of a document to resources: what was made, and what was found wrong on the way. */
export class Translation {
  readonly resources: Resource[] = [];
  readonly warnings: Problem[] = [];
  readonly files: Files;
  readonly bindHost: string;
  readonly env: Env;
  readonly #compileRegex: CompileRegex;
  readonly #regexes = new Map<string, string | null>();
  /** Keys of named backends, known before any route is read. */
  readonly #backends = new Set<string>();
  readonly #keys = new Set<string>();
  #routes = 0;

  constructor(files: Files, compileRegex: CompileRegex, bindHost: string, env: Env) {
    this.env = env;
    this.files = files;
    this.#compileRegex = compileRegex;
    this.bindHost = bindHost;
  }

  add(resource: Resource): void {
    this.resources.push(resource);
  }

  /** Right, and probably not what was meant. */
  warn(problem: Problem): void {
    this.warnings.push(problem);
  }

  problem(problem: Problem): void {
    this.files.problem(problem);
  }

  /** Takes a key, once per kind; false, with a problem, if something else has it. */
  claim(kind: Resource['kind'], key: string, path: Path, message: string): boolean {
    const id = `${kind} ${key}`;
    if (this.#keys.has(id)) {
      this.problem({ path, message, showValue: true });
      return false;
    }
    this.#keys.add(id);
    return true;
  }

  /** There is a backend of this key that routes and policies may name. */
  nameBackend(key: string): void {
    this.#backends.add(key);
  }

  /** The service that a policy at `path` asks. */
  reference(options: ReferenceOptions, path: Path): BackendReference {
    return backendReference(options, path, this);
  }

  /** Key of the named backend that a reference means, written `name` or `/name` (spec 01 §3.4). */
  resolveBackend(reference: string): string | undefined {
    if (this.#backends.has(reference)) return reference;
    const key = `/${reference}`;
    return this.#backends.has(key) ? key : undefined;
  }

  /** Names of all named backends, as they are written. */
  get backendNames(): readonly string[] {
    return [...this.#backends].map((key) => key.slice(1));
  }

  nextRoute(): number {
    return this.#routes++;
  }

  checkRegex(source: string, path: Path): void {
    let message = this.#regexes.get(source);
    if (message === undefined) {
      const compiled = this.#compileRegex(source);
      message = compiled.ok ? null : compiled.message;
      this.#regexes.set(source, message);
    }
    if (message !== null) this.problem({ path, message: 'not a regular expression', detail: message, showValue: true });
  }
}
