/** The index of the largest value, the first of equals. */
export function likeliest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i;
  return best;
}

/** The ids of the K largest values, largest first, equals in order of id. K is small: a sorted list is kept. */
export function likeliestOf(values: Float32Array, k: number): number[] {
  const ids: number[] = [];
  const best: number[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (let id = 0; id < values.length; id++) {
    const value = values[id];
    if (value <= least) continue;
    let at = ids.length < k ? ids.length : k - 1;
    for (; at > 0 && best[at - 1] < value; at--) {
      best[at] = best[at - 1];
      ids[at] = ids[at - 1];
    }
    best[at] = value;
    ids[at] = id;
    if (ids.length === k) least = best[k - 1];
  }
  return ids;
}
