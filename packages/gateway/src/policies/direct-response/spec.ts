import type { Expression } from '../../resources/model.ts';

/** `directResponse` as a resource. */
export interface DirectResponseSpec {
  readonly status: number;
  /** Base64. */
  readonly body: string;
  /** In place of `body`; both are a mistake that is answered with 500. */
  readonly bodyExpression?: Expression;
  /** Names in lower case, in the order of the file. */
  readonly headers?: readonly (readonly [name: string, value: Expression])[];
}
