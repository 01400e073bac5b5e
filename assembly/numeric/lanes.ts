/** Four float32 lanes at a time over rows whose length need not be a multiple of four. */

/** The next lanes of a row that has `left` >= 1 elements from `ptr` on; lanes past its end are 0. */
@inline
export function loadLanes(ptr: usize, left: i32): v128 {
  return left >= 4 ? v128.load(ptr) : loadPartial(ptr, left);
}

/** Writes the lanes that lie within a row that has `left` >= 1 elements from `ptr` on. */
@inline
export function storeLanes(ptr: usize, lanes: v128, left: i32): void {
  if (left >= 4) v128.store(ptr, lanes);
  else storePartial(ptr, lanes, left);
}

/** The same, or adds the lanes to what is there. */
@inline
export function putLanes(ptr: usize, lanes: v128, left: i32, add: bool): void {
  storeLanes(ptr, add ? f32x4.add(loadLanes(ptr, left), lanes) : lanes, left);
}

/** `lanes` with those past the end of the row set to 0, for sums of what is not 0 there by itself. */
@inline
export function maskLanes(lanes: v128, left: i32): v128 {
  return left >= 4 ? lanes : v128.and(lanes, i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(left)));
}

/** The largest of the four. */
@inline
export function maxLanes(lanes: v128): f32 {
  return max<f32>(
    max<f32>(f32x4.extract_lane(lanes, 0), f32x4.extract_lane(lanes, 1)),
    max<f32>(f32x4.extract_lane(lanes, 2), f32x4.extract_lane(lanes, 3)),
  );
}

/** (l0 + l2) + (l1 + l3): one fixed order, so that a sum is the same wherever it is taken. */
@inline
export function sumLanes(lanes: v128): f32 {
  return (
    f32x4.extract_lane(lanes, 0) + f32x4.extract_lane(lanes, 2) +
    (f32x4.extract_lane(lanes, 1) + f32x4.extract_lane(lanes, 3))
  );
}

/**
 * A 32-bit `value` in all lanes, by way of 4 bytes of scratch: V8 writes a constant out anew wherever it is used, in
 * three instructions, but keeps in a register what was loaded. For the constants of an inner loop.
 */
@inline
export function splatLoaded<T>(value: T, scratch: usize): v128 {
  store<T>(scratch, value);
  return v128.load32_splat(scratch);
}

function loadPartial(ptr: usize, left: i32): v128 {
  let lanes = v128.load32_zero(ptr);
  if (left > 1) lanes = f32x4.replace_lane(lanes, 1, load<f32>(ptr, 4));
  if (left > 2) lanes = f32x4.replace_lane(lanes, 2, load<f32>(ptr, 8));
  return lanes;
}

function storePartial(ptr: usize, lanes: v128, left: i32): void {
  store<f32>(ptr, f32x4.extract_lane(lanes, 0));
  if (left > 1) store<f32>(ptr, f32x4.extract_lane(lanes, 1), 4);
  if (left > 2) store<f32>(ptr, f32x4.extract_lane(lanes, 2), 8);
}
