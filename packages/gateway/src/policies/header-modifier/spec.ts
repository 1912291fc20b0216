/** `requestHeaderModifier` / `responseHeaderModifier` as a resource: applied add, set, remove. Names in lower case. */
export interface HeaderModifierSpec {
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}
