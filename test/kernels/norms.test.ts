import fc from "fast-check";
import { describe, test } from "vitest";
import {
  byDifferences,
  EPS,
  evenly,
  expectClose,
  expectSameBits,
  kernels,
  naively,
  onBench,
  run,
  seed,
  size,
  spread,
  uniforms,
  wide,
} from "./harness.ts";

interface Shape {
  spans: number;
  span: number;
  heads: number;
  headWidth: number;
  seed: number;
}

/** The head norm, and the layer norm as the head norm of one head and span 1. */
const norms = [
  { name: "headNorm", layer: false, fast: kernels.headNormForward, naive: kernels.naiveHeadNormForward },
  { name: "layerNorm", layer: true, fast: kernels.layerNormForward, naive: kernels.naiveLayerNormForward },
];

const shapes = fc.record({
  spans: fc.integer({ min: 0, max: 6 }),
  span: fc.oneof(fc.constant(1), size(20)),
  heads: fc.integer({ min: 1, max: 4 }),
  headWidth: size(50),
  seed,
});

function example(shape: Shape, layer: boolean) {
  const { spans, span, heads, headWidth } = layer ? { ...shape, span: 1, heads: 1 } : shape;
  const [T, width, groups] = [spans * span, heads * headWidth, spans * heads];
  const uniform = uniforms(shape.seed);
  // magnitudes from far below the square root of epsilon, where the variance vanishes, to far above 1; a mean of up to ten deviations
  const top = 10 ** (8 * uniform() - 5);
  const offset = uniform() < 0.5 ? 0 : 10 * top * uniform();
  const x = spread(uniform, T * width, top, 2).map((value) => value + offset);
  const [weight, bias, dy] = [spread(uniform, width), spread(uniform, width), spread(uniform, T * width)];
  const sizes = layer ? [T, width] : [T, heads, headWidth, span];
  const group = (i: number) => Math.floor(i / width / span) * heads + Math.floor((i % width) / headWidth);
  return { T, width, groups, count: span * headWidth, x, weight, bias, dy, sizes, group, uniform };
}

/** For every group the largest |f(i)| of its elements. */
function largest(groups: number, group: (i: number) => number, values: ArrayLike<number>): Float64Array {
  const top = new Float64Array(groups);
  for (let i = 0; i < values.length; i++) top[group(i)] = Math.max(top[group(i)], Math.abs(values[i]));
  return top;
}

describe.each(norms)("$name forward", ({ fast, naive, layer }) => {
  test("agrees with the naive sibling", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const { T, width, groups, count, x, weight, bias, sizes, group } = example(shape, layer);
        const outputs = [new Float32Array(T * width), new Float32Array(groups), new Float32Array(groups)];
        const inputs = [x, weight, bias];
        const [y, mean, rstd] = run(fast, outputs, inputs, ...sizes);
        const [yExpected, m, r] = run(naive, outputs.map(wide), naively(inputs), ...sizes);
        // four lanes are summed in float32, then divided, subtracted, squared: so many roundings
        const roundings = Math.min(count, shape.headWidth) / 4 + 8;
        const top = largest(groups, group, x);
        expectClose(mean, m, (g) => roundings * EPS * top[g], "mean");
        // an error of the mean enters the variance squared
        const shift = (g: number) => (roundings * EPS * top[g] * r[g]) ** 2;
        expectClose(rstd, r, (g) => r[g] * (roundings * EPS + shift(g)), "rstd");
        expectClose(y, yExpected, (i) => {
          const [g, c] = [group(i), i % width];
          const normal = Math.abs(x[i] - m[g]) * r[g];
          const error = roundings * EPS * (top[g] * r[g] + normal) + shift(g) * normal;
          return Math.abs(weight[c]) * error + 2 * EPS * Math.abs(bias[c]);
        });
      }),
      { numRuns: 200 },
    );
  });
});

describe.each([
  { name: "headNorm", layer: false, fast: kernels.headNormBackward, naive: kernels.naiveHeadNormBackward },
  { name: "layerNorm", layer: true, fast: kernels.layerNormBackward, naive: kernels.naiveLayerNormBackward },
])("$name backward", ({ fast, naive, layer }) => {
  const forward = layer ? kernels.naiveLayerNormForward : kernels.naiveHeadNormForward;

  test("agrees with the naive sibling; adds onto dWeight and dBias, and the layer norm onto dx", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const { T, width, groups, x, weight, bias, dy, sizes, group, uniform } = example(shape, layer);
        const kept = [T * width, groups, groups].map((length) => new Float64Array(length));
        const [, mean, rstd] = run(forward, kept, naively([x, weight, bias]), ...sizes).map((v) =>
          Float32Array.from(v),
        );
        const outputs = [T * width, width, width].map((length) => spread(uniform, length));
        const inputs = [dy, x, mean, rstd, weight];
        const [dx, dWeight, dBias] = run(fast, outputs, inputs, ...sizes);
        const [dxExpected, dW, dB] = run(naive, outputs.map(wide), naively(inputs), ...sizes);
        const n = wide(x).map((value, i) => (value - mean[group(i)]) * rstd[group(i)]);
        const [topG, topN] = [wide(dy).map((d, i) => d * weight[i % width]), n].map((v) => largest(groups, group, v));
        // the sums over a head as above, then a few products
        const roundings = shape.headWidth / 4 + 10;
        const before = (i: number) => (layer ? Math.abs(outputs[0][i]) : 0);
        expectClose(
          dx,
          dxExpected,
          (i) => {
            const g = group(i);
            return EPS * (before(i) + roundings * rstd[g] * topG[g] * (2 + topN[g] ** 2));
          },
          "dx",
        );
        const terms = (start: Float32Array, factor: (i: number) => number) =>
          wide(start).map((value, c) => {
            let sum = Math.abs(value);
            for (let i = c; i < dy.length; i += width) sum += Math.abs(dy[i] * factor(i));
            return sum;
          });
        const [termsW, termsB] = [terms(outputs[1], (i) => n[i]), terms(outputs[2], () => 1)];
        expectClose(dWeight, dW, (c) => (T + 4) * EPS * termsW[c], "dWeight");
        expectClose(dBias, dB, (c) => (T + 1) * EPS * termsB[c], "dBias");
      }),
      { numRuns: 200 },
    );
  });

  test("the naive backward is the naive forward's slope", () => {
    const small = fc.record({
      spans: fc.integer({ min: 1, max: 2 }),
      span: fc.integer({ min: 1, max: 3 }),
      heads: fc.integer({ min: 1, max: 2 }),
      headWidth: fc.integer({ min: 2, max: 4 }),
      seed,
    });
    fc.assert(
      fc.property(small, (shape) => {
        const { T, width, groups, sizes, uniform } = example(shape, layer);
        const [x, weight, bias, dy] = [T * width, width, width, T * width].map((n) => wide(evenly(uniform, n, -1, 1)));
        const empty = [T * width, groups, groups].map((length) => new Float64Array(length));
        const of = (x: Float64Array, weight: Float64Array, bias: Float64Array) =>
          run(forward, empty, [x, weight, bias], ...sizes);
        const [, mean, rstd] = of(x, weight, bias);
        const outputs = [T * width, width, width].map((length) => new Float64Array(length));
        const [dx, dWeight, dBias] = run(naive, outputs, [dy, x, mean, rstd, weight], ...sizes);
        // curvature grows with the cube of 1 / deviation, and so does what the differences leave
        const steep = Math.max(...rstd) ** 3;
        expectClose(
          dx,
          byDifferences((v) => of(v, weight, bias)[0], x, dy, 1e-6),
          () => 1e-8 + 1e-9 * steep,
          "dx",
        );
        expectClose(
          dWeight,
          byDifferences((v) => of(x, v, bias)[0], weight, dy),
          () => 1e-7,
          "dWeight",
        );
        expectClose(
          dBias,
          byDifferences((v) => of(x, weight, v)[0], bias, dy),
          () => 1e-8,
          "dBias",
        );
      }),
      { numRuns: 40 },
    );
  });
});

describe("norms", () => {
  test.each(norms)("$name gives a token the same bits alone and among others", ({ fast, layer }) => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const tokens = { ...shape, span: 1 };
        const { T, width, groups, x, weight, bias, sizes } = example(tokens, layer);
        const of = (rows: Float32Array, t: number) => {
          const statistics = (t * groups) / Math.max(T, 1);
          const outputs = [rows.length, statistics, statistics].map((length) => new Float32Array(length));
          return run(fast, outputs, [rows, weight, bias], t, ...sizes.slice(1));
        };
        const all = of(x, T);
        for (let t = 0; t < T; t++) {
          of(x.slice(t * width, (t + 1) * width), 1).forEach((alone, i) => {
            expectSameBits(alone, all[i].subarray(t * alone.length, (t + 1) * alone.length));
          });
        }
      }),
    );
  });

  test("headNormBackward may write over its dy", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const { T, width, groups, x, weight, dy, sizes, uniform } = example(shape, false);
        const inputs = [x, spread(uniform, groups), spread(uniform, groups).map(Math.abs), weight];
        const small = [new Float32Array(width), new Float32Array(width)];
        const [apart] = run(
          kernels.headNormBackward,
          [new Float32Array(T * width), ...small],
          [dy, ...inputs],
          ...sizes,
        );
        const inPlace = onBench((bench) => {
          const d = bench.output(dy);
          const [dW, dB] = small.map((values) => bench.output(values).address);
          const [a, b, c, e] = inputs.map((values) => bench.input(values).address);
          const [tokens, heads, headWidth, span] = sizes;
          kernels.headNormBackward(d.address, dW, dB, d.address, a, b, c, e, tokens, heads, headWidth, span);
          return d.read();
        });
        expectSameBits(inPlace, apart);
      }),
      { numRuns: 40 },
    );
  });
});
