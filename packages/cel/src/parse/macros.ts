import type { Node, Walk } from './ast.ts';
import { SyntaxFailure } from './syntax-error.ts';

const walks: ReadonlyMap<string, Walk> = new Map([
  ['all', 'all'],
  ['exists', 'exists'],
  ['exists_one', 'existsOne'],
  ['existsOne', 'existsOne'],
  ['map', 'map'],
  ['filter', 'filter'],
]);

/** Names of the macros, for suggestions. */
export const macroNames: readonly string[] = ['has', ...walks.keys()];

/** The expansion of a call; null if it is an ordinary call, which a macro's name with other arguments is. */
export function expandMacro(at: number, target: Node | null, name: string, args: readonly Node[]): Node | null {
  if (target === null) return name === 'has' && args.length === 1 ? expandHas(at, args[0] as Node) : null;
  const macro = walks.get(name);
  if (macro === undefined) return null;
  const [first, second, third] = args;
  if (first === undefined || second === undefined) return null;
  if (args.length !== 2 && !(args.length === 3 && macro === 'map')) return null;
  if (first.kind !== 'identifier') throw new SyntaxFailure('argument must be a simple name', first.at);
  const walk = { kind: 'walk', at, macro, range: target, variable: first.name } as const;
  if (macro !== 'map') return { ...walk, predicate: second, transform: null };
  return third === undefined
    ? { ...walk, predicate: null, transform: second }
    : { ...walk, predicate: second, transform: third };
}

function expandHas(at: number, argument: Node): Node {
  if (argument.kind !== 'select') throw new SyntaxFailure('invalid argument to has() macro', argument.at);
  return { kind: 'has', at, target: argument.target, field: argument.field };
}
