import type { Value } from '../values/value.ts';

/** Operators of a chain of one precedence, written as in the source. */
export type ChainOperator = '+' | '-' | '*' | '/' | '%' | '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in';

/** The macros that walk over a list or the keys of a map; `existsOne` is also written `exists_one`. */
export type Walk = 'all' | 'exists' | 'existsOne' | 'map' | 'filter';

/**
 * The tree of an expression. `at` is an offset in the source. Runs of one precedence (`a + b - c`, `a && b && c`) are one flat node:
 * long ones must not recurse.
 */
export type Node =
  | { readonly kind: 'literal'; readonly at: number; readonly value: Value }
  | { readonly kind: 'identifier'; readonly at: number; readonly name: string }
  | { readonly kind: 'select'; readonly at: number; readonly target: Node; readonly field: string }
  /** `has(target.field)` */
  | { readonly kind: 'has'; readonly at: number; readonly target: Node; readonly field: string }
  | { readonly kind: 'index'; readonly at: number; readonly target: Node; readonly index: Node }
  | {
      readonly kind: 'call';
      readonly at: number;
      /** Null for a global call. */
      readonly target: Node | null;
      readonly name: string;
      readonly args: readonly Node[];
    }
  | { readonly kind: 'list'; readonly at: number; readonly elements: readonly Node[] }
  | { readonly kind: 'map'; readonly at: number; readonly entries: readonly (readonly [key: Node, value: Node])[] }
  | { readonly kind: 'struct'; readonly at: number; readonly values: readonly Node[] }
  | {
      readonly kind: 'choice';
      readonly at: number;
      readonly condition: Node;
      readonly whenTrue: Node;
      readonly whenFalse: Node;
    }
  | { readonly kind: 'and' | 'or'; readonly at: number; readonly operands: readonly Node[] }
  /** A run of `!` or `-`; `odd` says whether one is left when pairs are gone. */
  | { readonly kind: 'not' | 'negate'; readonly at: number; readonly odd: boolean; readonly operand: Node }
  | {
      readonly kind: 'chain';
      readonly at: number;
      readonly first: Node;
      readonly rest: readonly { readonly at: number; readonly operator: ChainOperator; readonly operand: Node }[];
    }
  | {
      readonly kind: 'walk';
      readonly at: number;
      readonly macro: Walk;
      readonly range: Node;
      readonly variable: string;
      readonly predicate: Node | null;
      readonly transform: Node | null;
    };

/** A node of one kind. */
export type NodeOf<K extends Node['kind']> = Extract<Node, { kind: K }>;
