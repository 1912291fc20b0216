import { ownMethods } from '../compile/call.ts';
import { functionNames } from '../functions/table.ts';
import type { Node } from '../parse/ast.ts';
import { macroNames } from '../parse/macros.ts';
import { parse } from '../parse/parser.ts';
import { locate, render, SyntaxFailure, type SyntaxProblem } from '../parse/syntax-error.ts';
import { children } from '../parse/walk.ts';
import type { CustomFunction, CustomFunctions } from './functions.ts';

/** The functions, or the first thing that is wrong with their text. */
export type ParsedCustomFunctions =
  | { readonly ok: true; readonly functions: CustomFunctions }
  | { readonly ok: false; readonly error: SyntaxProblem; readonly message: string };

/**
 * Reads the block `config.customFunctions` (spec 04 §5.9). Lines and columns of an error are those of the block. Errors say what is
 * wrong without the prefix `invalid config.customFunctions`.
 */
export function parseCustomFunctions(source: string): ParsedCustomFunctions {
  try {
    const functions = new Map<string, CustomFunction>();
    for (const { definition, at } of definitions(source)) {
      const { name } = definition;
      if (functions.has(name)) throw new SyntaxFailure(`custom function '${name}' is defined more than once`, at);
      if (builtIn.has(name)) throw new SyntaxFailure(`'${name}' conflicts with an existing CEL function`, at);
      functions.set(name, definition);
    }
    refuseRecursion(functions);
    return { ok: true, functions };
  } catch (failure) {
    if (!(failure instanceof SyntaxFailure)) throw failure;
    const error = locate(source, failure.message, failure.offset);
    return { ok: false, error, message: render(source, error) };
  }
}

const builtIn: ReadonlySet<string> = new Set([...functionNames, ...macroNames, ...ownMethods]);

const gap = /(?:\s|#[^\n]*)*/y;
const header = /(this\.)?([A-Za-z_][A-Za-z0-9_]*)\s*\(([^(){}]*)\)\s*\{/y;
const parameter = /^([A-Za-z_][A-Za-z0-9_]*)(\.\.\.)?$/;

function* definitions(source: string): Generator<{ definition: CustomFunction; at: number }> {
  let at = 0;
  for (;;) {
    gap.lastIndex = at;
    at += gap.exec(source)?.[0].length ?? 0;
    if (at >= source.length) return;
    header.lastIndex = at;
    const found = header.exec(source);
    if (found === null) throw new SyntaxFailure('expected a function, such as name(a, b) { expression }', at);
    const [all, receiver, name = '', list = ''] = found;
    if (name === 'this') throw new SyntaxFailure("a function cannot be called 'this'", at);
    const start = at + all.length;
    const end = bodyEnd(source, start);
    const { names, variadic } = parameters(list, at);
    const body = parseBody(source.slice(start, end), start);
    yield { definition: { name, receiver: receiver !== undefined, parameters: names, variadic, body }, at };
    at = end + 1;
  }
}

function parameters(list: string, at: number): { names: string[]; variadic: boolean } {
  const names: string[] = [];
  let variadic = false;
  if (list.trim() === '') return { names, variadic };
  for (const text of list.split(',')) {
    const found = parameter.exec(text.trim());
    const name = found?.[1];
    if (name === undefined || name === 'this') {
      throw new SyntaxFailure(`invalid parameter name '${text.trim()}'`, at);
    }
    if (variadic) throw new SyntaxFailure('only the last parameter can be variadic', at);
    if (names.includes(name)) throw new SyntaxFailure(`parameter '${name}' is defined more than once`, at);
    names.push(name);
    variadic = found?.[2] !== undefined;
  }
  return { names, variadic };
}

/** The offset of the brace that closes the body; braces in quotes and in comments of the expression do not count. */
function bodyEnd(source: string, start: number): number {
  const part = /"""|'''|"|'|\/\/[^\n]*|[{}]/g;
  part.lastIndex = start;
  let depth = 1;
  for (let found = part.exec(source); found !== null; found = part.exec(source)) {
    const [text] = found;
    if (text === '{') depth++;
    else if (text === '}') {
      if (--depth === 0) return found.index;
    } else if (!text.startsWith('/')) {
      const raw = /[rR]/.test(source[found.index - 1] ?? '');
      let at = found.index + text.length;
      while (at < source.length && !source.startsWith(text, at)) at += source[at] === '\\' && !raw ? 2 : 1;
      part.lastIndex = at + text.length;
    }
  }
  throw new SyntaxFailure('the body of the function is not closed', start - 1);
}

function parseBody(text: string, start: number): Node {
  if (text.trim() === '') throw new SyntaxFailure('the body of the function is empty', start);
  try {
    return parse(text);
  } catch (failure) {
    if (failure instanceof SyntaxFailure) throw new SyntaxFailure(failure.message, start + failure.offset);
    throw failure;
  }
}

function refuseRecursion(functions: CustomFunctions): void {
  const done = new Set<string>();
  const open = new Set<string>();
  const visit = ({ name, body }: CustomFunction): void => {
    if (open.has(name)) {
      throw new SyntaxFailure(`custom CEL function recursion is not supported: ${[...open, name].join(' -> ')}`, 0);
    }
    if (done.has(name)) return;
    // Each is entered from the last: a chain as long as the block is as deep as the stack.
    if (open.size > 500) throw new SyntaxFailure('custom functions call each other more than 500 deep', 0);
    open.add(name);
    for (const called of calls(body)) {
      const next = functions.get(called);
      if (next !== undefined) visit(next);
    }
    open.delete(name);
    done.add(name);
  };
  for (const definition of functions.values()) visit(definition);
}

function* calls(root: Node): Generator<string> {
  const pending = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node.kind === 'call') yield node.name;
    pending.push(...children(node));
  }
}
