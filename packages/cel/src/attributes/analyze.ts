import type { CustomFunctions } from '../custom/functions.ts';
import { functions } from '../functions/table.ts';
import type { Node, NodeOf } from '../parse/ast.ts';
import { children } from '../parse/walk.ts';
import { type Attributes, allNeeds, needsOf } from './attributes.ts';

/**
 * Finds what an expression reads without running it. A call or an index ends a path: `request["body"]` reads `request`, and so no body
 * is kept for it. Names bound by macros, `with` and parameters are no variables.
 */
export function analyze(root: Node, custom: CustomFunctions | null): Attributes {
  const analysis = new Analysis(custom);
  analysis.visit(root, noNames);
  const paths = [...analysis.paths].sort();
  let needs = analysis.everything ? allNeeds : 0;
  for (const path of paths) needs |= needsOf(path);
  return { needs, paths };
}

const noNames: ReadonlySet<string> = new Set();

class Analysis {
  readonly paths = new Set<string>();
  /** True if `variables()` is called. */
  everything = false;
  readonly #custom: CustomFunctions | null;
  readonly #seen = new Set<string>();

  constructor(custom: CustomFunctions | null) {
    this.#custom = custom;
  }

  visit(root: Node, bound: ReadonlySet<string>): void {
    // A stack of its own: chains of selectors and of operators may be long.
    const pending: { node: Node; names: ReadonlySet<string> }[] = [{ node: root, names: bound }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { node, names } = next;
      const push = (part: Node, partNames = names) => pending.push({ node: part, names: partNames });
      if (node.kind === 'identifier' || node.kind === 'select' || node.kind === 'has') {
        const rest = this.#path(node, names);
        if (rest !== null) push(rest);
      } else if (node.kind === 'walk') {
        push(node.range);
        const inner = new Set(names).add(node.variable);
        for (const part of [node.predicate, node.transform]) if (part !== null) push(part, inner);
      } else if (node.kind === 'call') {
        this.#call(node, names, push);
      } else for (const part of children(node)) push(part);
    }
  }

  /** Notes the path that a node is the end of; returns the node that it starts from if that is no name. */
  #path(node: NodeOf<'identifier' | 'select' | 'has'>, names: ReadonlySet<string>): Node | null {
    const fields: string[] = [];
    let at: Node = node;
    while (at.kind === 'select' || at.kind === 'has') {
      fields.push(at.field);
      at = at.target;
    }
    if (at.kind !== 'identifier') return at;
    if (!names.has(at.name)) this.paths.add([at.name, ...fields.reverse()].join('.'));
    return null;
  }

  #call(
    node: NodeOf<'call'>,
    names: ReadonlySet<string>,
    push: (part: Node, names?: ReadonlySet<string>) => void,
  ): void {
    const { name, target, args } = node;
    if (target === null && name === 'variables') this.everything = true;
    const [first, second] = args;
    const binds = target !== null && (name === 'with' || name === 'mapValues' || name === 'filterKeys');
    const isQualifier = target?.kind === 'identifier' && functions.has(`${target.name}.${name}`);
    if (target !== null && !isQualifier) push(target);
    if (binds && first?.kind === 'identifier' && second !== undefined) push(second, new Set(names).add(first.name));
    else for (const arg of args) push(arg);

    const custom = this.#custom?.get(name);
    if (custom === undefined || custom.receiver !== (target !== null) || this.#seen.has(name)) return;
    this.#seen.add(name);
    this.visit(custom.body, new Set([...custom.parameters, 'this']));
  }
}
