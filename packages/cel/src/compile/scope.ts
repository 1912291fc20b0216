/** The names bound around a node, innermost first, each with its slot in the evaluation's locals. */
export class Scope {
  static readonly empty = new Scope(null, '', -1);

  readonly #parent: Scope | null;
  readonly #name: string;
  readonly slot: number;

  private constructor(parent: Scope | null, name: string, slot: number) {
    this.#parent = parent;
    this.#name = name;
    this.slot = slot;
  }

  /** The scope inside of this one that knows `name` as well. */
  bind(name: string): Scope {
    return new Scope(this, name, this.slot + 1);
  }

  /** The slot of a name; -1 if it is not bound here. */
  find(name: string): number {
    for (let scope: Scope = this; scope.#parent !== null; scope = scope.#parent) {
      if (scope.#name === name) return scope.slot;
    }
    return -1;
  }
}
