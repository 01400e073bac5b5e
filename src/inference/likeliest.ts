/** The index of the largest value, the first of equals. */
export function likeliest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** The ids of the K largest values, largest first, equals in order of id. K is small: a sorted list is kept. */
export function likeliestOf(values: Float32Array, k: number): number[] {
  const best: number[] = [];
  for (let id = 0; id < values.length; id++) {
    if (best.length === k && values[id] <= values[best[k - 1]]) continue;
    let at = best.length === k ? k - 1 : best.length;
    for (; at > 0 && values[best[at - 1]] < values[id]; at--) best[at] = best[at - 1];
    best[at] = id;
  }
  return best;
}
