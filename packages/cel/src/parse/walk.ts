import type { Node } from './ast.ts';

/** The nodes directly below a node. */
export function children(node: Node): readonly Node[] {
  switch (node.kind) {
    case 'literal':
    case 'identifier':
      return [];
    case 'select':
    case 'has':
      return [node.target];
    case 'index':
      return [node.target, node.index];
    case 'call':
      return node.target === null ? node.args : [node.target, ...node.args];
    case 'list':
      return node.elements;
    case 'map':
      return node.entries.flat();
    case 'struct':
      return node.values;
    case 'choice':
      return [node.condition, node.whenTrue, node.whenFalse];
    case 'and':
    case 'or':
      return node.operands;
    case 'not':
    case 'negate':
      return [node.operand];
    case 'chain':
      return [node.first, ...node.rest.map(({ operand }) => operand)];
    case 'walk':
      return [node.range, node.predicate, node.transform].filter((part) => part !== null);
  }
}
