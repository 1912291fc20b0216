/**
 * Chooses among weighted things, in proportion to their weights; 0 is never chosen.
 *
 * @returns a function from a number in [0, 1) to an index; -1 if every weight is 0.
 */
export function compileWeights(weights: readonly number[]): (random: number) => number {
  const chosen = weights.flatMap((weight, index) => (weight > 0 ? [{ weight, index }] : []));
  const [only] = chosen;
  if (only === undefined) return () => -1;
  if (chosen.length === 1) return () => only.index;
  let total = 0;
  const bounds = chosen.map(({ weight, index }) => {
    total += weight;
    return { below: total, index };
  });
  const last = bounds[bounds.length - 1] as { index: number };
  return (random) => {
    const point = random * total;
    for (const { below, index } of bounds) if (point < below) return index;
    return last.index;
  };
}
