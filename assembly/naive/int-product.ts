import { at, put } from "./at";

/** totals[m][n] = sum_k a[m][k] b[k][n], whole numbers in float64. */
export function naiveIntProduct(totals: usize, a: usize, b: usize, rows: u32, columns: u32, depth: u32): void {
  for (let m: usize = 0; m < rows; m++) {
    for (let n: usize = 0; n < columns; n++) {
      let sum: f64 = 0;
      for (let k: usize = 0; k < depth; k++) sum += at(a, m * depth + k) * at(b, k * columns + n);
      put(totals, m * columns + n, sum);
    }
  }
}
