import { putLanes } from "../numeric/lanes";
import { interleaveHigh, interleaveLow, joinHigh, joinLow } from "../numeric/transpose";

/**
 * Takes the sums of a tile, a row of `bytes` an output with tokens side by side, to their places:
 * y[t][n] (+)= scale of n * sums[n][t], and for int32 sums (T is i32) times tokenScales[t].
 * Readable to the next multiple of 4 rows. `outputsPerScale`: see ternaryForward.
 */
@inline
export function scatter<T>(
  y: usize, yStride: u32, sums: usize, tokenScales: usize, scales: usize, outputsPerScale: u32,
  tokens: u32, outputs: u32, accumulate: bool, bytes: usize,
): void {
  const stride: usize = <usize>yStride << 2;
  for (let n: u32 = 0; n < outputs; n += 4) {
    const left = <i32>(outputs - n);
    const from = sums + <usize>n * bytes;
    const s0 = scaleOf(scales, outputsPerScale, n, outputs), s1 = scaleOf(scales, outputsPerScale, n + 1, outputs);
    const s2 = scaleOf(scales, outputsPerScale, n + 2, outputs), s3 = scaleOf(scales, outputsPerScale, n + 3, outputs);
    for (let column: usize = 0; column < bytes; column += 16) {
      const present = <i32>tokens - <i32>(column >> 2);
      if (present <= 0) break;
      const a = f32x4.mul(s0, sumLanes<T>(from + column)), b = f32x4.mul(s1, sumLanes<T>(from + bytes + column));
      const c = f32x4.mul(s2, sumLanes<T>(from + 2 * bytes + column)), d = f32x4.mul(s3, sumLanes<T>(from + 3 * bytes + column));
      const lowAB = interleaveLow(a, b), highAB = interleaveHigh(a, b);
      const lowCD = interleaveLow(c, d), highCD = interleaveHigh(c, d);
      const to = y + (column >> 2) * stride + (<usize>n << 2), token = tokenScales + column;
      put<T>(to, joinLow(lowAB, lowCD), token, left, accumulate);
      if (present > 1) put<T>(to + stride, joinHigh(lowAB, lowCD), token + 4, left, accumulate);
      if (present > 2) put<T>(to + 2 * stride, joinLow(highAB, highCD), token + 8, left, accumulate);
      if (present > 3) put<T>(to + 3 * stride, joinHigh(highAB, highCD), token + 12, left, accumulate);
    }
  }
}

@inline
function sumLanes<T>(sums: usize): v128 {
  return isFloat<T>() ? v128.load(sums) : f32x4.convert_i32x4_s(v128.load(sums));
}

/** The scale of output n, in all lanes. */
@inline
export function scaleOf(scales: usize, outputsPerScale: u32, n: u32, outputs: u32): v128 {
  return v128.load32_splat(scales + ((<usize>min<u32>(n, outputs - 1) / outputsPerScale) << 2));
}

@inline
function put<T>(to: usize, lanes: v128, token: usize, left: i32, accumulate: bool): void {
  const value = isFloat<T>() ? lanes : f32x4.mul(lanes, v128.load32_splat(token));
  putLanes(to, value, left, accumulate);
}
