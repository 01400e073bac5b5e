import fc from "fast-check";
import { describe, test } from "vitest";
import {
  EPS,
  evenly,
  expectClose,
  expectSameBits,
  kernels,
  magnitudes,
  onBench,
  run,
  seed,
  size,
  spread,
  uniforms,
  wide,
} from "./harness.ts";

interface Matrix {
  values: Float32Array;
  /** Distance of neighbours along the rows (A) or columns (B), and along the depth that is summed over. */
  across: number;
  deep: number;
}

// a matrix of `count` rows or columns in either orientation, with room between its rows
function matrix(uniform: () => number, count: number, depth: number, flipped: boolean, gap: number): Matrix {
  const across = flipped ? 1 : depth + gap;
  const deep = flipped ? count + gap : 1;
  const used = count && depth ? (count - 1) * across + (depth - 1) * deep + 1 : 0;
  return { values: spread(uniform, used), across, deep };
}

function multiply(c: Float32Array, cStride: number, a: Matrix, b: Matrix, shape: Shape, aStart = 0): Float32Array {
  const { rows, columns, depth, accumulate } = shape;
  return onBench((bench) => {
    const out = bench.output(c);
    const panels = bench.scratch(kernels.columnPanelBytes(depth, columns) >>> 0);
    kernels.packColumns(panels, bench.input(b.values).address, b.deep, b.across, depth, columns);
    const from = bench.input(a.values.subarray(aStart)).address;
    const scratch = bench.scratch(kernels.denseScratchBytes() >>> 0);
    kernels.denseForward(
      out.address,
      cStride,
      from,
      a.across,
      a.deep,
      panels,
      rows,
      columns,
      depth,
      accumulate,
      scratch,
    );
    return out.read();
  });
}

function multiplyNaively(
  c: Float64Array,
  cStride: number,
  a: Matrix,
  b: Matrix,
  shape: Shape,
  of = wide,
): Float64Array {
  const { rows, columns, depth, accumulate } = shape;
  return onBench((bench) => {
    const out = bench.output(c);
    const [left, right] = [bench.input(of(a.values)).address, bench.input(of(b.values)).address];
    kernels.naiveDenseForward(
      out.address,
      cStride,
      left,
      a.across,
      a.deep,
      right,
      b.deep,
      b.across,
      rows,
      columns,
      depth,
      accumulate,
    );
    return out.read();
  });
}

interface Shape {
  rows: number;
  columns: number;
  depth: number;
  accumulate: boolean;
}

const shapes = fc.record({
  rows: fc.oneof(fc.constant(0), size()),
  columns: size(),
  depth: fc.oneof(fc.constant(0), size(), fc.constantFrom(383, 384, 385, 800)),
  accumulate: fc.boolean(),
  aFlipped: fc.boolean(),
  bFlipped: fc.boolean(),
  gap: fc.constantFrom(0, 3),
  seed,
});

describe("packColumns", () => {
  test("lays columns out in panels of 8, those past the end 0", () => {
    fc.assert(
      fc.property(size(12), size(20), fc.boolean(), fc.constantFrom(0, 3), (depth, columns, flipped, gap) => {
        const b = matrix(uniforms(depth), columns, depth, flipped, gap);
        const floats = (kernels.columnPanelBytes(depth, columns) >>> 0) / 4;
        const pack = (to: number, from: number) => kernels.packColumns(to, from, b.deep, b.across, depth, columns);
        const [panels] = run(pack, [new Float32Array(floats).fill(NaN)], [b.values]);
        const expected = panels.map((_, i) => {
          const [k, n] = [Math.floor(i / 8) % depth, Math.floor(i / 8 / depth) * 8 + (i % 8)];
          return n < columns ? b.values[k * b.deep + n * b.across] : 0;
        });
        expectSameBits(panels, expected);
      }),
    );
  });
});

describe("denseForward", () => {
  test("agrees with the sum in float64 for any orientation, stride and shape", () => {
    fc.assert(
      fc.property(shapes, ({ aFlipped, bFlipped, gap, seed, ...shape }) => {
        const { rows, columns, depth } = shape;
        const uniform = uniforms(seed);
        const a = matrix(uniform, rows, depth, aFlipped, gap);
        const b = matrix(uniform, columns, depth, bFlipped, gap);
        const cStride = columns + gap;
        const c = spread(uniform, rows * cStride);
        const actual = multiply(c, cStride, a, b, shape);
        const expected = multiplyNaively(wide(c), cStride, a, b, shape);
        const terms = multiplyNaively(magnitudes(c), cStride, a, b, shape, magnitudes);
        // every product and every partial sum of depth + 1 terms is rounded once
        expectClose(actual, expected, (i) => (i % cStride < columns ? (depth + 2) * EPS * terms[i] : 0));
      }),
      { numRuns: 200 },
    );
  });

  test("crosses its blocks of rows", () => {
    const uniform = uniforms(1);
    const shape = { rows: 327, columns: 11, depth: 7, accumulate: false };
    const a = matrix(uniform, shape.rows, shape.depth, false, 0);
    const b = matrix(uniform, shape.columns, shape.depth, false, 0);
    const c = new Float32Array(shape.rows * shape.columns).fill(NaN);
    const terms = multiplyNaively(wide(c), 11, a, b, shape, magnitudes);
    expectClose(multiply(c, 11, a, b, shape), multiplyNaively(wide(c), 11, a, b, shape), (i) => 9 * EPS * terms[i]);
  });

  test("gives a row the same bits alone and among others", () => {
    fc.assert(
      fc.property(size(), size(), fc.constantFrom(1, 5, 384, 500), seed, (rows, columns, depth, seed) => {
        const uniform = uniforms(seed);
        const a = matrix(uniform, rows, depth, false, 0);
        const b = matrix(uniform, columns, depth, true, 0);
        const shape = { rows, columns, depth, accumulate: false };
        const all = multiply(new Float32Array(rows * columns), columns, a, b, shape);
        for (let m = 0; m < rows; m++) {
          const alone = multiply(new Float32Array(columns), columns, a, b, { ...shape, rows: 1 }, m * depth);
          expectSameBits(alone, all.subarray(m * columns, (m + 1) * columns));
        }
      }),
      { numRuns: 40 },
    );
  });
});

interface Tokens {
  tokens: number;
  outputs: number;
  inputs: number;
  dyStride: number;
  accumulate: boolean;
}

function gradient(dW: Float32Array, dy: Float32Array, x: Float32Array, shape: Tokens, first = 0, rows = shape.outputs) {
  const { tokens, inputs, dyStride, accumulate } = shape;
  return onBench((bench) => {
    const out = bench.output(dW);
    const [dyAt, xAt] = [bench.input(dy).address, bench.input(x).address];
    const scratch = bench.scratch(kernels.weightGradientScratchBytes(inputs) >>> 0);
    const to = out.address + 4 * first * inputs;
    kernels.weightGradient(to, dyAt + 4 * first, dyStride, xAt, tokens, rows, inputs, accumulate, scratch);
    return out.read();
  });
}

describe("weightGradient", () => {
  const shapes = fc.record({
    tokens: fc.oneof(fc.constant(0), size(), fc.constantFrom(255, 256, 257, 600)),
    outputs: size(24),
    inputs: size(24),
    gap: fc.constantFrom(0, 5),
    accumulate: fc.boolean(),
    seed,
  });

  test("agrees with the sum over tokens in float64", () => {
    fc.assert(
      fc.property(shapes, ({ gap, seed, ...rest }) => {
        const shape = { ...rest, dyStride: rest.outputs + gap };
        const { tokens, outputs, inputs, dyStride, accumulate } = shape;
        const uniform = uniforms(seed);
        const dW = spread(uniform, outputs * inputs);
        const dy = spread(uniform, tokens * dyStride, 1e-3);
        const x = spread(uniform, tokens * inputs);
        const naive = (of: (values: Float32Array) => Float64Array) =>
          onBench((bench) => {
            const out = bench.output(of(dW));
            const [dyAt, xAt] = [bench.input(of(dy)).address, bench.input(of(x)).address];
            kernels.naiveWeightGradient(out.address, dyAt, dyStride, xAt, tokens, outputs, inputs, accumulate);
            return out.read();
          });
        const terms = naive(magnitudes);
        // every product and every partial sum of tokens + 1 terms is rounded once
        expectClose(gradient(dW, dy, x, shape), naive(wide), (i) => (tokens + 2) * EPS * terms[i]);
      }),
      { numRuns: 100 },
    );
  });

  test("gives the same bits by ranges of rows, whoever takes them", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 5, 300),
        size(),
        size(24),
        fc.nat(),
        seed,
        (tokens, outputs, inputs, cut, seed) => {
          const uniform = uniforms(seed);
          const shape = { tokens, outputs, inputs, dyStride: outputs, accumulate: true };
          const dW = evenly(uniform, outputs * inputs, -1, 1);
          const dy = evenly(uniform, tokens * outputs, -1, 1);
          const x = evenly(uniform, tokens * inputs, -1, 1);
          const first = cut % outputs;
          const head = gradient(dW, dy, x, shape, 0, first);
          const both = gradient(head, dy, x, shape, first, outputs - first);
          expectSameBits(both, gradient(dW, dy, x, shape));
        },
      ),
      { numRuns: 60 },
    );
  });
});
