import fc from 'fast-check';
import { expect, test } from 'vitest';
import { evaluate } from './fixtures/evaluate.ts';

/**
 * Logic against a naive evaluator that knows only pairs: chains are read from the left, two operands at a time, and the errors are
 * told apart.
 */
type Tree =
  | { readonly kind: 'leaf'; readonly text: string; readonly result: boolean | string }
  | { readonly kind: '&&' | '||'; readonly operands: readonly Tree[] }
  | { readonly kind: '!'; readonly operand: Tree }
  | { readonly kind: '?'; readonly parts: readonly [Tree, Tree, Tree] };

fc.configureGlobal({ seed: 20_480 });

const noOverload = 'error: No such overload';

const leaf = fc
  .constantFrom<[string, boolean | string]>(
    ['true', true],
    ['false', false],
    ['(source.port == 1)', false],
    ['(source.port > 1)', true],
    ['one()', "error: Undeclared reference to 'one'"],
    ['(jwt.claim == 1)', 'error: No such key: claim'],
    ['(1 / 0 == 1)', 'error: Division by zero of 1'],
    ['source.port', noOverload],
    ['5', noOverload],
  )
  .map(([text, result]) => ({ kind: 'leaf', text, result }) as const);

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc
      .tuple(fc.constantFrom('&&', '||'), fc.array(tie('tree'), { minLength: 2, maxLength: 4 }))
      .map(([kind, operands]) => ({ kind, operands })),
    tie('tree').map((operand) => ({ kind: '!', operand }) as const),
    fc.tuple(tie('tree'), tie('tree'), tie('tree')).map((parts) => ({ kind: '?', parts }) as const),
  ),
}));

function text(node: Tree): string {
  switch (node.kind) {
    case 'leaf':
      return node.text;
    case '!':
      return `!(${text(node.operand)})`;
    case '?':
      return `(${text(node.parts[0])} ? ${text(node.parts[1])} : ${text(node.parts[2])})`;
    default:
      return `(${node.operands.map(text).join(` ${node.kind} `)})`;
  }
}

/** A bool, or the error as `evaluate` shows it. What is no bool is `No such overload` where a bool is asked for. */
function naively(node: Tree): boolean | string {
  switch (node.kind) {
    case 'leaf':
      return node.result;
    case '!': {
      const value = naively(node.operand);
      return typeof value === 'boolean' ? !value : value;
    }
    case '?': {
      const [condition, yes, no] = node.parts;
      const value = naively(condition);
      return typeof value === 'boolean' ? naively(value ? yes : no) : value;
    }
    default: {
      const decides = node.kind === '||';
      return node.operands.map(naively).reduce((left, right) => {
        if (left === decides || right === decides) return decides;
        return typeof right === 'string' ? right : left;
      });
    }
  }
}

test('logic is what two operands at a time say', () => {
  fc.assert(
    fc.property(tree, (node) => {
      const expected = naively(node);
      const got = evaluate(text(node));
      // A number at the end of a branch is a result of its own; only where a bool is asked for it is an error.
      expect(typeof got === 'number' ? noOverload : got).toBe(expected);
    }),
    { numRuns: 3_000 },
  );
});
