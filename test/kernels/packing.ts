import { EPS, kernels, onBench, type TestModule } from "./harness.ts";

/** Inputs in a panel of codes. */
export const PANEL_INPUTS = 16;

/** Bytes of the packed codes of a matrix. */
export function codeBytes(outputs: number, inputs: number): number {
  return Math.ceil(inputs / PANEL_INPUTS) * outputs * 4;
}

/** Both packings of a ternary matrix. */
export interface Packed {
  codes: Uint8Array;
  codesT: Uint8Array;
}

/** Packs matrices of outputs x inputs, stacked: they share `codes`, and each has a scale and `codesT` of its own. */
export function pack(
  weights: readonly Float32Array[],
  outputs: number,
  inputs: number,
  scales: Float32Array,
  module: TestModule = { kernels, onBench },
): Packed[] {
  const total = outputs * weights.length;
  return module.onBench((bench) => {
    const codes = bench.output(new Uint8Array(codeBytes(total, inputs)));
    const transposed = weights.map((values, i) => {
      const codesT = bench.output(new Uint8Array(codeBytes(inputs, outputs)));
      const at = bench.input(values).address;
      module.kernels.packTernary(codes.address, total, i * outputs, codesT.address, inputs, at, 0, outputs, scales[i]);
      return codesT;
    });
    return transposed.map((codesT) => ({ codes: codes.read(), codesT: codesT.read() }));
  });
}

/** Weights of which many lie on or beside a half, where rounding decides. */
export function weightsOf(uniform: () => number, count: number, scale: number): Float32Array {
  const halves = [0.5, -0.5, 1.5, -1.5, 0, -0, 1, 2.5, 1e9, -1e9];
  return Float32Array.from({ length: count }, () => {
    const near = halves[Math.floor(uniform() * halves.length)] * scale;
    const kind = uniform();
    if (kind < 0.3) return near;
    return kind < 0.5 ? near * (1 + (uniform() < 0.5 ? 2 : -2) * EPS) : scale * 3 * (uniform() - 0.5);
  });
}
