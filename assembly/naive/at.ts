/**
 * The naive siblings work on float64 arrays: they are the oracle, so they neither round to float32 on the way nor
 * spoil finite differences. A test hands the fast kernel float32 and its sibling the same numbers widened.
 */

/** x[i] of a float64 array. */
@inline
export function at(x: usize, i: usize): f64 {
  return load<f64>(x + (i << 3));
}

/** x[i] = value. */
@inline
export function put(x: usize, i: usize, value: f64): void {
  store<f64>(x + (i << 3), value);
}

/** x[i] += value. */
@inline
export function add(x: usize, i: usize, value: f64): void {
  put(x, i, at(x, i) + value);
}

/** ids[i] of an int32 array. */
@inline
export function idAt(ids: usize, i: usize): usize {
  return load<u32>(ids + (i << 2));
}
