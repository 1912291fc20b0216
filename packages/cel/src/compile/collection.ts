import type { NodeOf } from '../parse/ast.ts';
import { displayed } from '../values/display.ts';
import { CelError } from '../values/error.ts';
import { CelMap } from '../values/map.ts';
import { isMapKey, settle, type Value } from '../values/value.ts';
import { type Code, folded } from './code.ts';
import type { Compiler } from './compiler.ts';
import type { Run } from './evaluation.ts';
import type { Scope } from './scope.ts';

/** `[a, b]`; the first element that is an error is the whole list's. */
export function compileList(compiler: Compiler, node: NodeOf<'list'>, scope: Scope): Code {
  const elements = node.elements.map((element) => compiler.compile(element, scope));
  const runs = elements.map(({ run }) => run);
  return folded(elements, (e) => {
    const list: Value[] = [];
    for (let i = 0; i < runs.length; i++) {
      const value = (runs[i] as Run)(e);
      if (value instanceof CelError) return value;
      list.push(value);
    }
    return list;
  });
}

/** `{k: v}`; of equal keys the last one counts. */
export function compileMap(compiler: Compiler, node: NodeOf<'map'>, scope: Scope): Code {
  const entries = node.entries.map(
    ([key, value]) => [compiler.compile(key, scope), compiler.compile(value, scope)] as const,
  );
  return folded(entries.flat(), (e) => {
    const map = new CelMap();
    for (const [keyCode, valueCode] of entries) {
      const key = settle(keyCode.run(e));
      if (key instanceof CelError) return key;
      if (!isMapKey(key)) return new CelError('key', () => `Unable to use value '${displayed(key)}' as a key`);
      const value = valueCode.run(e);
      if (value instanceof CelError) return value;
      map.set(key, value);
    }
    return map;
  });
}
