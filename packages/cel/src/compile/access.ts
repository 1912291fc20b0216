import { indexed, selected } from '../operators/access.ts';
import type { Node, NodeOf } from '../parse/ast.ts';
import { CelError, noSuchKey, undeclared } from '../values/error.ts';
import { dottedTypes, typeIdentifiers } from '../values/type.ts';
import { Fields } from '../values/value.ts';
import { HeadersView } from '../views/headers.ts';
import { type Code, computed, constant, folded } from './code.ts';
import type { Compiler } from './compiler.ts';
import type { Scope } from './scope.ts';

/** A name: what is bound around it, then variables, then types. */
export function compileIdentifier(compiler: Compiler, node: NodeOf<'identifier'>, scope: Scope): Code {
  const { name } = node;
  const slot = scope.find(name);
  if (slot >= 0) return computed((e) => e.locals[slot] as never);
  const read = compiler.variables.get(name);
  if (read !== undefined) return computed((e) => read(e.variables as never));
  const type = typeIdentifiers.get(name);
  if (type !== undefined) return constant(type);
  compiler.warnUnknown('variable', name, node.at);
  return constant(undeclared(name));
}

/** `target.field`. */
export function compileSelect(compiler: Compiler, node: NodeOf<'select'>, scope: Scope): Code {
  const { field } = node;
  const absent = noSuchKey(field);
  const dotted = dottedName(node);
  const type = dotted === null ? undefined : dottedTypes.get(dotted);
  if (type !== undefined && scope.find('google') < 0 && !compiler.variables.has('google')) return constant(type);

  const { target } = node;
  compiler.checkField(target, field, scope);
  if (target.kind === 'identifier' && scope.find(target.name) < 0) {
    const read = compiler.variables.get(target.name);
    // Own code for fields of the two busiest variables: V8 then sees one class at this place.
    if (read !== undefined && target.name === 'request') {
      return computed((e) => {
        const request = read(e.variables as never);
        if (!(request instanceof Fields)) return absent;
        const value = request.field(field);
        return value === undefined ? absent : value;
      });
    }
    if (read !== undefined) {
      return computed((e) => {
        const value = read(e.variables as never);
        return value instanceof CelError ? value : selected(value, field, absent);
      });
    }
  }
  const code = compiler.compile(target, scope);
  const { run } = code;
  return folded([code], (e) => {
    const value = run(e);
    return value instanceof CelError ? value : selected(value, field, absent);
  });
}

/** `has(target.field)`: the target's own errors count, a missing field and a target without fields do not. */
export function compileHas(compiler: Compiler, node: NodeOf<'has'>, scope: Scope): Code {
  const { field } = node;
  compiler.checkField(node.target, field, scope);
  const code = compiler.compile(node.target, scope);
  const { run } = code;
  return folded([code], (e) => {
    const value = run(e);
    if (value instanceof CelError) return value;
    return value instanceof Fields && value.field(field) !== undefined;
  });
}

/** `target[index]`. */
export function compileIndex(compiler: Compiler, node: NodeOf<'index'>, scope: Scope): Code {
  const target = compiler.compile(node.target, scope);
  const index = compiler.compile(node.index, scope);
  const [of, at] = [target.run, index.run];
  if (typeof index.constant === 'string') {
    const name = index.constant;
    if (isRequestHeaders(compiler, node.target, scope)) {
      const lower = name.toLowerCase();
      const absent = new CelError('no-such-key', () => `No such key: request.headers['${lower}']`);
      return computed((e) => {
        const headers = of(e);
        if (headers instanceof HeadersView) return headers.first(lower) ?? absent;
        return headers instanceof CelError ? headers : indexed(headers, name);
      });
    }
  }
  return folded([target, index], (e) => {
    const value = of(e);
    if (value instanceof CelError) return value;
    const key = at(e);
    return key instanceof CelError ? key : indexed(value, key);
  });
}

function isRequestHeaders(compiler: Compiler, node: Node, scope: Scope): boolean {
  return (
    node.kind === 'select' &&
    node.field === 'headers' &&
    node.target.kind === 'identifier' &&
    node.target.name === 'request' &&
    scope.find('request') < 0 &&
    compiler.variables.has('request')
  );
}

function dottedName(node: NodeOf<'select'>): string | null {
  let name = node.field;
  let at: Node = node.target;
  for (; at.kind === 'select'; at = at.target) name = `${at.field}.${name}`;
  return at.kind === 'identifier' ? `${at.name}.${name}` : null;
}
