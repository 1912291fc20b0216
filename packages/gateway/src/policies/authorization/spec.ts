import type { Expression } from '../../resources/model.ts';

/** `authorization` as a resource (spec 03 §5.1). Sets of several places are joined: they make one decision. */
export interface AuthorizationSpec {
  readonly rules: readonly AuthorizationRule[];
}

export type AuthorizationRule =
  | { readonly allow: Expression }
  | { readonly deny: Expression }
  | { readonly require: Expression };
