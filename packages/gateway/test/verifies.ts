/**
 * Says which acceptance case of the specifications the running test proves. `npm run coverage:spec` finds the calls in the
 * source and holds them against `docs/behaviour.md`, so the ids must be literals.
 */
export function verifies(...ids: readonly string[]): void {
  for (const id of ids) if (!/^[A-Z][A-Z0-9]*-\d+$/.test(id)) throw new Error(`not an id of an acceptance case: ${id}`);
}
