import type { NodeOf } from '../parse/ast.ts';
import { CelError, costExceeded, noSuchOverload } from '../values/error.ts';
import { Fields, typeNameOf, type Value } from '../values/value.ts';
import { type Code, computed } from './code.ts';
import type { Compiler } from './compiler.ts';
import type { Evaluation, Run } from './evaluation.ts';
import type { Scope } from './scope.ts';

/** `all`, `exists`, `existsOne`, `map`, `filter` over the elements of a list or the keys of a map. */
export function compileWalk(compiler: Compiler, node: NodeOf<'walk'>, scope: Scope): Code {
  const range = compiler.compile(node.range, scope);
  const inner = compiler.bind(scope, node.variable);
  const before = compiler.nodes;
  const predicate = node.predicate === null ? null : compiler.compile(node.predicate, inner).run;
  const transform = node.transform === null ? null : compiler.compile(node.transform, inner).run;
  const walk: Walker = {
    slot: inner.slot,
    price: 1 + compiler.nodes - before,
    predicate,
    transform,
    absorb: compiler.absorbErrors,
  };
  const over = walks[node.macro];
  const { run } = range;
  return computed((e) => {
    const value = run(e);
    if (Array.isArray(value)) return over(walk, value, e);
    if (value instanceof Fields) {
      const keys = [...value.keys()];
      return e.spend(keys.length / 8) ? over(walk, keys, e) : costExceeded;
    }
    if (value instanceof CelError) return value;
    return new CelError('type', () => `Unexpected type: got '${typeNameOf(value)}', want 'list or map'`);
  });
}

interface Walker {
  readonly slot: number;
  /** Units that one element costs. */
  readonly price: number;
  readonly predicate: Run | null;
  readonly transform: Run | null;
  /** Whether `all` and `exists` go on after an error. */
  readonly absorb: boolean;
}

type Over = (walk: Walker, elements: readonly Value[], e: Evaluation) => Value;

const walks: Readonly<Record<NodeOf<'walk'>['macro'], Over>> = {
  all: (walk, elements, e) => decide(walk, elements, e, false),
  exists: (walk, elements, e) => decide(walk, elements, e, true),
  existsOne,
  map: collect,
  filter: collect,
};

/** The first element for which the predicate is `decisive` decides. */
function decide(walk: Walker, elements: readonly Value[], e: Evaluation, decisive: boolean): Value {
  const { slot, price, absorb } = walk;
  const predicate = walk.predicate as Run;
  const { locals } = e;
  let error: CelError | null = null;
  for (let i = 0; i < elements.length; i++) {
    if (!e.spend(price)) return costExceeded;
    locals[slot] = elements[i] as Value;
    const test = predicate(e);
    if (test === decisive) return decisive;
    if (typeof test === 'boolean') continue;
    error = test instanceof CelError ? test : noSuchOverload;
    if (!absorb) return error;
  }
  return error ?? !decisive;
}

function existsOne(walk: Walker, elements: readonly Value[], e: Evaluation): Value {
  const predicate = walk.predicate as Run;
  let count = 0;
  for (let i = 0; i < elements.length; i++) {
    if (!e.spend(walk.price)) return costExceeded;
    e.locals[walk.slot] = elements[i] as Value;
    const test = predicate(e);
    if (typeof test !== 'boolean') return test instanceof CelError ? test : noSuchOverload;
    if (test) count++;
  }
  return count === 1;
}

function collect(walk: Walker, elements: readonly Value[], e: Evaluation): Value {
  const { predicate, transform } = walk;
  const list: Value[] = [];
  for (let i = 0; i < elements.length; i++) {
    if (!e.spend(walk.price)) return costExceeded;
    const element = elements[i] as Value;
    e.locals[walk.slot] = element;
    if (predicate !== null) {
      const test = predicate(e);
      if (typeof test !== 'boolean') return test instanceof CelError ? test : noSuchOverload;
      if (!test) continue;
    }
    const value = transform === null ? element : transform(e);
    if (value instanceof CelError) return value;
    list.push(value);
  }
  return list;
}
