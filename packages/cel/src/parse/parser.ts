import { Double } from '../values/number.ts';
import type { ChainOperator, Node } from './ast.ts';
import { type Token, tokenize } from './lexer.ts';
import { readInt } from './literal.ts';
import { expandMacro } from './macros.ts';
import { SyntaxFailure } from './syntax-error.ts';

/** Sub-expressions inside of each other: parentheses, arguments, elements, indices, branches (spec 04 §3.1). */
const maxDepth = 48;
/** Characters of one expression. */
export const maxSourceLength = 100_000;

const reserved = new Set(
  'as break const continue else for function if import let loop package namespace return var void while'.split(' '),
);
const keywords = new Set(['true', 'false', 'null', 'in']);
const relations: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=']);

/**
 * Reads one expression and expands its macros. Names are not checked: an unknown function is an error only where it is called.
 *
 * @throws SyntaxFailure
 */
export function parse(source: string): Node {
  if (source.length > maxSourceLength) {
    throw new SyntaxFailure(`expression is longer than ${maxSourceLength} characters`, 0);
  }
  return new Parser(source).whole();
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#tokens = tokenize(source);
  }

  whole(): Node {
    const node = this.#expression();
    if (this.#peek.kind !== 'end') this.#refuse();
    return node;
  }

  #nested(): Node {
    if (++this.#depth > maxDepth) throw new SyntaxFailure(`Recursion limit of ${maxDepth} exceeded`, this.#peek.at);
    const node = this.#expression();
    this.#depth--;
    return node;
  }

  #expression(): Node {
    const condition = this.#logical('||', 'or', () => this.#logical('&&', 'and', () => this.#relation()));
    const { at } = this.#peek;
    if (!this.#take('?')) return condition;
    const whenTrue = this.#nested();
    this.#expect(':');
    return { kind: 'choice', at, condition, whenTrue, whenFalse: this.#nested() };
  }

  #logical(symbol: string, kind: 'and' | 'or', operand: () => Node): Node {
    const first = operand();
    const { at } = this.#peek;
    if (!this.#take(symbol)) return first;
    const operands = [first];
    do operands.push(operand());
    while (this.#take(symbol));
    return { kind, at, operands };
  }

  #relation(): Node {
    return this.#chain(
      (token) =>
        token.kind === 'symbol' ? relations.has(token.text) : token.kind === 'identifier' && token.text === 'in',
      () => this.#sum(),
    );
  }

  #sum(): Node {
    return this.#chain(
      ({ kind, text }) => kind === 'symbol' && (text === '+' || text === '-'),
      () =>
        this.#chain(
          ({ kind, text }) => kind === 'symbol' && (text === '*' || text === '/' || text === '%'),
          () => this.#unary(),
        ),
    );
  }

  #chain(isOperator: (token: Token) => boolean, operand: () => Node): Node {
    const first = operand();
    const { at } = this.#peek;
    if (!isOperator(this.#peek)) return first;
    const rest: { at: number; operator: ChainOperator; operand: Node }[] = [];
    while (isOperator(this.#peek)) {
      const token = this.#next();
      rest.push({ at: token.at, operator: token.text as ChainOperator, operand: operand() });
    }
    return { kind: 'chain', at, first, rest };
  }

  #unary(): Node {
    const { at, text } = this.#peek;
    if (!this.#is('!') && !this.#is('-')) return this.#member();
    let count = 0;
    while (this.#take(text)) count++;
    if (text === '!') return { kind: 'not', at, odd: count % 2 === 1, operand: this.#member() };
    // The sign next to a number is part of it: the least int has no positive counterpart.
    const number = this.#peek;
    let operand: Node;
    if (number.kind === 'int') {
      this.#next();
      operand = this.#postfix({ kind: 'literal', at, value: readInt(number.text, true, number.at) });
      count--;
    } else if (number.kind === 'literal' && number.value instanceof Double) {
      this.#next();
      operand = this.#postfix({ kind: 'literal', at, value: new Double(-number.value.value) });
      count--;
    } else operand = this.#member();
    return count === 0 ? operand : { kind: 'negate', at, odd: count % 2 === 1, operand };
  }

  #member(): Node {
    return this.#postfix(this.#primary());
  }

  #postfix(primary: Node): Node {
    let node = primary;
    for (;;) {
      const { at } = this.#peek;
      if (this.#take('.')) {
        this.#refuseOptional();
        const token = this.#next();
        if (token.kind === 'quoted') {
          node = { kind: 'select', at, target: node, field: token.text };
          continue;
        }
        if (token.kind !== 'identifier' || keywords.has(token.text)) this.#refuse(token);
        if (this.#take('(')) {
          const args = this.#list(')');
          node =
            expandMacro(token.at, node, token.text, args) ??
            ({ kind: 'call', at: token.at, target: node, name: token.text, args } as const);
        } else node = { kind: 'select', at, target: node, field: token.text };
      } else if (this.#take('[')) {
        this.#refuseOptional();
        node = { kind: 'index', at, target: node, index: this.#nested() };
        this.#expect(']');
      } else if (this.#peek.text === '{' && this.#peek.kind === 'symbol' && isName(node)) {
        this.#next();
        node = { kind: 'struct', at, values: this.#fields() };
      } else return node;
    }
  }

  #primary(): Node {
    const token = this.#next();
    switch (token.kind) {
      case 'int':
        return { kind: 'literal', at: token.at, value: readInt(token.text, false, token.at) };
      case 'literal':
        return { kind: 'literal', at: token.at, value: token.value };
      case 'identifier':
        return this.#name(token, '');
    }
    if (token.kind !== 'symbol') this.#refuse(token);
    switch (token.text) {
      case '(': {
        const node = this.#nested();
        this.#expect(')');
        return node;
      }
      case '[':
        return { kind: 'list', at: token.at, elements: this.#list(']') };
      case '{':
        return { kind: 'map', at: token.at, entries: this.#entries() };
      case '.': {
        const name = this.#next();
        if (name.kind === 'identifier') return this.#name(name, '.');
        return this.#refuse(name);
      }
    }
    return this.#refuse(token);
  }

  #name(token: Token, dot: string): Node {
    const { text, at } = token;
    if (text === 'true' || text === 'false') return { kind: 'literal', at, value: text === 'true' };
    if (text === 'null') return { kind: 'literal', at, value: null };
    if (text === 'in') this.#refuse(token);
    if (this.#take('(')) {
      const args = this.#list(')');
      // A leading dot becomes part of a function's name, which so never resolves.
      return expandMacro(at, null, dot + text, args) ?? { kind: 'call', at, target: null, name: dot + text, args };
    }
    if (reserved.has(text)) throw new SyntaxFailure(`reserved identifier: ${text}`, at);
    return { kind: 'identifier', at, name: text };
  }

  /** Arguments or elements up to the closing symbol; a comma may stand before the end of a list. */
  #list(close: ')' | ']'): Node[] {
    const nodes: Node[] = [];
    while (!this.#take(close)) {
      this.#refuseOptional();
      nodes.push(this.#nested());
      if (this.#take(',')) {
        if (close === ')' && this.#is(close)) this.#refuse();
        continue;
      }
      this.#expect(close);
      break;
    }
    return nodes;
  }

  #entries(): (readonly [Node, Node])[] {
    const entries: (readonly [Node, Node])[] = [];
    while (!this.#take('}')) {
      this.#refuseOptional();
      const key = this.#nested();
      this.#expect(':');
      entries.push([key, this.#nested()]);
      if (this.#take(',')) continue;
      this.#expect('}');
      break;
    }
    return entries;
  }

  /** `{a: 1, b: 2}` of a message, which is refused when evaluated. */
  #fields(): Node[] {
    const values: Node[] = [];
    while (!this.#take('}')) {
      this.#refuseOptional();
      const name = this.#next();
      if (name.kind !== 'identifier' && name.kind !== 'quoted') this.#refuse(name);
      this.#expect(':');
      values.push(this.#nested());
      if (this.#take(',')) continue;
      this.#expect('}');
      break;
    }
    return values;
  }

  get #peek(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #next(): Token {
    const token = this.#peek;
    if (token.kind !== 'end') this.#at++;
    return token;
  }

  #is(symbol: string): boolean {
    return this.#peek.kind === 'symbol' && this.#peek.text === symbol;
  }

  #take(symbol: string): boolean {
    if (!this.#is(symbol)) return false;
    this.#at++;
    return true;
  }

  #expect(symbol: string): void {
    if (this.#take(symbol)) return;
    const token = this.#peek;
    const found = token.kind === 'end' ? 'the end' : `'${token.text}'`;
    throw new SyntaxFailure(`Syntax error: expected '${symbol}', found ${found}`, token.at);
  }

  #refuseOptional(): void {
    if (this.#is('?')) throw new SyntaxFailure("unsupported syntax '?'", this.#peek.at);
  }

  #refuse(token: Token = this.#peek): never {
    if (token.kind === 'end') throw new SyntaxFailure('Syntax error: the expression ends too early', token.at);
    throw new SyntaxFailure(`Syntax error: unexpected '${token.text}'`, token.at);
  }
}

/** Could it be the name of a message, `a.b.C`? */
function isName(node: Node): boolean {
  let at = node;
  while (at.kind === 'select') at = at.target;
  return at.kind === 'identifier';
}
