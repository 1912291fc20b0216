import type { Activation, VariableReaders } from '../activation.ts';
import type { CustomFunctions } from '../custom/functions.ts';
import { functionNames } from '../functions/table.ts';
import type { Node } from '../parse/ast.ts';
import { macroNames } from '../parse/macros.ts';
import { SyntaxFailure } from '../parse/syntax-error.ts';
import { structUnsupported } from '../values/error.ts';
import { compileHas, compileIdentifier, compileIndex, compileSelect } from './access.ts';
import { compileCall, ownMethods } from './call.ts';
import { compileChain } from './chain.ts';
import { type Code, constant } from './code.ts';
import { compileList, compileMap } from './collection.ts';
import { knownFields } from './fields.ts';
import { compileChoice, compileLogic, compileUnary } from './logic.ts';
import { nearest } from './nearest.ts';
import { Scope } from './scope.ts';
import { compileWalk } from './walk.ts';

/** Something that is legal and probably a mistake. */
export interface Warning {
  readonly message: string;
  /** Offset in the source. */
  readonly offset: number;
}

/** Nodes inside of each other, custom functions counted as what they stand for: closures recurse as deep. */
const maxNesting = 1_000;
/** Nodes in all: custom functions that call each other twice grow by powers of two. */
const maxNodes = 100_000;

/** What is wrong beyond that is wrong in the same way. */
const maxWarnings = 20;

/** Turns a tree into closures. One per expression. */
export class Compiler {
  readonly variables: VariableReaders<Activation>;
  readonly custom: CustomFunctions | null;
  readonly absorbErrors: boolean;
  readonly warnings: Warning[] = [];
  /** Whether two evaluations of the same request may differ: `random()` or `uuid()` is called. */
  volatile = false;
  /** Nodes compiled so far. */
  nodes = 0;
  /** Slots for bound names that an evaluation needs. */
  slots = 0;
  #nesting = 0;

  constructor(variables: VariableReaders<Activation>, custom: CustomFunctions | null, absorbErrors: boolean) {
    this.variables = variables;
    this.custom = custom;
    this.absorbErrors = absorbErrors;
  }

  /** @throws SyntaxFailure if the expression is too big. */
  compile(node: Node, scope: Scope = Scope.empty): Code {
    if (++this.nodes > maxNodes) throw new SyntaxFailure(`expression has more than ${maxNodes} parts`, node.at);
    if (++this.#nesting > maxNesting) throw new SyntaxFailure(`expression nests deeper than ${maxNesting}`, node.at);
    const code = this.#dispatch(node, scope);
    this.#nesting--;
    return code;
  }

  /** The scope that also knows `name`. */
  bind(scope: Scope, name: string): Scope {
    const inner = scope.bind(name);
    this.slots = Math.max(this.slots, inner.slot + 1);
    return inner;
  }

  /** Notes a name that nobody knows, with the one that was probably meant. */
  warnUnknown(kind: 'variable' | 'function' | 'method', name: string, offset: number): void {
    if (this.warnings.length >= maxWarnings) return;
    const known =
      kind === 'variable'
        ? this.variables.keys()
        : [...functionNames, ...macroNames, ...ownMethods, ...(this.custom?.keys() ?? [])];
    const meant = nearest(name, known);
    const hint = meant === null ? '' : `; did you mean '${meant}'?`;
    this.warn(`unknown ${kind} '${name}'${hint}`, offset);
  }

  /** Notes a field that a variable never has. */
  checkField(target: Node, field: string, scope: Scope): void {
    if (target.kind !== 'identifier' || scope.find(target.name) >= 0 || !this.variables.has(target.name)) return;
    const fields = knownFields.get(target.name);
    if (fields === undefined || fields.includes(field)) return;
    const meant = nearest(field, fields);
    const hint = meant === null ? '' : `; did you mean '${target.name}.${meant}'?`;
    this.warn(`unknown field '${target.name}.${field}'${hint}`, target.at);
  }

  /** Notes something that compiles and can only fail. */
  warn(message: string, offset: number): void {
    if (this.warnings.length < maxWarnings) this.warnings.push({ message, offset });
  }

  #dispatch(node: Node, scope: Scope): Code {
    switch (node.kind) {
      case 'literal':
        return constant(node.value);
      case 'identifier':
        return compileIdentifier(this, node, scope);
      case 'select':
        return compileSelect(this, node, scope);
      case 'has':
        return compileHas(this, node, scope);
      case 'index':
        return compileIndex(this, node, scope);
      case 'call':
        return compileCall(this, node, scope);
      case 'list':
        return compileList(this, node, scope);
      case 'map':
        return compileMap(this, node, scope);
      case 'struct':
        return constant(structUnsupported);
      case 'choice':
        return compileChoice(this, node, scope);
      case 'and':
      case 'or':
        return compileLogic(this, node, scope);
      case 'not':
      case 'negate':
        return compileUnary(this, node, scope);
      case 'chain':
        return compileChain(this, node, scope);
      case 'walk':
        return compileWalk(this, node, scope);
    }
  }
}
