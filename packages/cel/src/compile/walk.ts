import type { NodeOf } from '../parse/ast.ts';
import { CelError, costExceeded, noSuchOverload } from '../values/error.ts';
import { Fields, typeNameOf, type Value } from '../values/value.ts';
import { type Code, computed } from './code.ts';
import type { Compiler } from './compiler.ts';
import type { Evaluation, Run } from './evaluation.ts';
import type { Scope } from './scope.ts';

/** What is to be done with one element: go on, or end with this value. */
type Visit = (element: Value, predicate: Value, state: State) => Value | undefined;

interface State {
  readonly list: Value[];
  count: number;
  error: CelError | null;
}

/** `all`, `exists`, `existsOne`, `map`, `filter` over the elements of a list or the keys of a map. */
export function compileWalk(compiler: Compiler, node: NodeOf<'walk'>, scope: Scope): Code {
  const range = compiler.compile(node.range, scope);
  const inner = compiler.bind(scope, node.variable);
  const before = compiler.nodes;
  const predicate = node.predicate === null ? null : compiler.compile(node.predicate, inner).run;
  const transform = node.transform === null ? null : compiler.compile(node.transform, inner).run;
  const walk: Walker = {
    slot: inner.slot,
    /** Units that one element costs. */
    price: 1 + compiler.nodes - before,
    predicate,
    transform,
    absorb: compiler.absorbErrors && (node.macro === 'all' || node.macro === 'exists'),
    visit: visits[node.macro],
    finish: finishes[node.macro],
  };
  const { run } = range;
  return computed((e) => {
    const value = run(e);
    if (Array.isArray(value)) return walkOver(walk, value, e);
    if (value instanceof Fields) return walkOver(walk, [...value.keys()], e);
    if (value instanceof CelError) return value;
    return new CelError('type', () => `Unexpected type: got '${typeNameOf(value)}', want 'list or map'`);
  });
}

interface Walker {
  readonly slot: number;
  readonly price: number;
  readonly predicate: Run | null;
  readonly transform: Run | null;
  readonly absorb: boolean;
  readonly visit: Visit;
  readonly finish: (state: State) => Value;
}

function walkOver(walk: Walker, elements: readonly Value[], e: Evaluation): Value {
  const { slot, price, predicate, transform, visit } = walk;
  const { locals } = e;
  const state: State = { list: [], count: 0, error: null };
  for (let i = 0; i < elements.length; i++) {
    if (!e.spend(price)) return costExceeded;
    let element = elements[i] as Value;
    locals[slot] = element;
    let test: Value = true;
    if (predicate !== null) {
      test = predicate(e);
      if (typeof test !== 'boolean') {
        const error = test instanceof CelError ? test : noSuchOverload;
        if (!walk.absorb) return error;
        state.error = error;
        continue;
      }
    }
    if (test && transform !== null) {
      element = transform(e);
      if (element instanceof CelError) return element;
    }
    const end = visit(element, test, state);
    if (end !== undefined) return end;
  }
  return state.error ?? walk.finish(state);
}

const collect: Visit = (element, test, state) => {
  if (test === true) state.list.push(element);
  return undefined;
};

const visits: Readonly<Record<NodeOf<'walk'>['macro'], Visit>> = {
  all: (_, test) => (test === false ? false : undefined),
  exists: (_, test) => (test === true ? true : undefined),
  existsOne: (_, test, state) => {
    if (test === true) state.count++;
    return undefined;
  },
  map: collect,
  filter: collect,
};

const finishes: Readonly<Record<NodeOf<'walk'>['macro'], (state: State) => Value>> = {
  all: () => true,
  exists: () => false,
  existsOne: ({ count }) => count === 1,
  map: ({ list }) => list,
  filter: ({ list }) => list,
};
