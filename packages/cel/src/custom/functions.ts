import type { Node } from '../parse/ast.ts';

/** One function of `config.customFunctions`. */
export interface CustomFunction {
  readonly name: string;
  /** True if it is called as `x.name()` and sees x as `this`. */
  readonly receiver: boolean;
  readonly parameters: readonly string[];
  /** True if the last parameter takes all further arguments as a list. */
  readonly variadic: boolean;
  readonly body: Node;
}

/** Functions by name. They call each other, but never in a circle. */
export type CustomFunctions = ReadonlyMap<string, CustomFunction>;
