import type { Expression } from '../../resources/model.ts';

/** `transformations` as a resource (spec 03 §7.3): what is changed of requests, and of responses. */
export interface TransformationsSpec {
  readonly request?: TransformationSpec;
  readonly response?: TransformationSpec;
}

/** What is changed of one message, in the order of these members; names are in lower case, in the order of the file. */
export interface TransformationSpec {
  /** Kept for later expressions, under these names. */
  readonly metadata: readonly NamedExpression[];
  /** A map that all header fields are replaced by. */
  readonly replace?: Expression;
  readonly add: readonly NamedExpression[];
  readonly set: readonly NamedExpression[];
  readonly remove: readonly string[];
  readonly body?: Expression;
}

export type NamedExpression = readonly [name: string, value: Expression];
