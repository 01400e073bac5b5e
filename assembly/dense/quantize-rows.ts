import { loadLanes, maxLanes } from "../numeric/lanes";

/** The largest size of a quantised number. */
const ROW_MAX: f32 = 127;
/** A row smaller than this all over counts as 0: neither its scale nor the reciprocal may leave the normal numbers. */
const SMALLEST: f32 = 1e-30;

/** Bytes of a row of `width` int8 as the head's kernels read it. */
@inline
export function rowStride(width: u32): u32 {
  return (width + 15) & ~15;
}

/**
 * q[r][c] = round_half_even(x[r][c] / scales[r]), scales[r] = max_c |x[r][c]| / 127: rows of the embedding, or tokens on
 * their way to the logits; the numbers are those of quantizeTokens (ternary/quantize.ts).
 * x: `rows` x `width` float32; q: rows of {@link rowStride} bytes, 0 from `width` on.
 */
export function quantizeRows(q: usize, scales: usize, x: usize, rows: u32, width: u32): void {
  const stride: usize = rowStride(width);
  for (let r: u32 = 0; r < rows; r++) {
    const size = largest(x, width);
    // NaN compares false and gives NaN: a broken run must be seen
    store<f32>(scales, size < SMALLEST ? 0 : size / ROW_MAX);
    const factor = f32x4.splat(size < SMALLEST ? 0 : ROW_MAX / size);
    for (let c: i32 = 0; c < <i32>stride; c += 16) {
      const left = <i32>width - c;
      const at = x + (<usize>c << 2);
      const a = i16x8.narrow_i32x4_s(whole(at, factor, left), whole(at + 16, factor, left - 4));
      const b = i16x8.narrow_i32x4_s(whole(at + 32, factor, left - 8), whole(at + 48, factor, left - 12));
      v128.store(q + c, i8x16.narrow_i16x8_s(a, b));
    }
    q += stride;
    scales += 4;
    x += <usize>width << 2;
  }
}

@inline
function whole(x: usize, factor: v128, left: i32): v128 {
  return left > 0 ? i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(factor, loadLanes(x, left)))) : i32x4.splat(0);
}

function largest(row: usize, width: u32): f32 {
  let top = f32x4.splat(0);
  for (let c: u32 = 0; c < width; c += 4) top = f32x4.max(top, f32x4.abs(loadLanes(row + (<usize>c << 2), width - c)));
  return maxLanes(top);
}

/** x[r][c] = scales[r] * q[r][c] for one row: what a quantised row stands for. q readable as a whole row. */
export function dequantizeRow(x: usize, q: usize, scale: f32, width: u32): void {
  const factor = f32x4.splat(scale);
  let c: u32 = 0;
  for (; c + 4 <= width; c += 4) {
    const wide = i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(q + c)));
    v128.store(x + (<usize>c << 2), f32x4.mul(factor, f32x4.convert_i32x4_s(wide)));
  }
  for (; c < width; c++) store<f32>(x + (<usize>c << 2), scale * <f32>load<i8>(q + c));
}
