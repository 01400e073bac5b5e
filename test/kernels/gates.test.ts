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
  run,
  seed,
  size,
  spread,
  uniforms,
  wide,
} from "./harness.ts";

const shapes = fc.record({
  T: fc.oneof(fc.constant(0), size(20)),
  C: size(),
  floor: fc.constantFrom(0, 0.45, 0.9).map(Math.fround),
  seed,
});

describe("gates", () => {
  test("forward agrees with the naive sibling, and leaves the value", () => {
    fc.assert(
      fc.property(shapes, ({ T, C, floor, seed }) => {
        const uniform = uniforms(seed);
        const outputs = [new Float32Array(T * C), spread(uniform, 3 * T * C, 100)];
        const bias = spread(uniform, C);
        const [forget, gates] = run(kernels.gatesForward, outputs, [bias], floor, T, C);
        const [forgetExpected, expected] = run(
          kernels.naiveGatesForward,
          outputs.map(wide),
          naively([bias]),
          floor,
          T,
          C,
        );
        // sigmoid is good to 5 eps; its argument's rounding moves it by x s (1 - s) eps < 0.3 eps; two more roundings
        expectClose(forget, forgetExpected, () => 8 * EPS, "forget");
        expectClose(gates, expected, (i) => (Math.floor(i / C) % 3 === 1 ? 0 : 6 * EPS), "gates");
      }),
    );
  });

  test("backward agrees with the naive sibling, and adds onto dBias", () => {
    fc.assert(
      fc.property(shapes, ({ T, C, floor, seed }) => {
        const uniform = uniforms(seed);
        const gates = evenly(uniform, 3 * T * C, 0, 1);
        const outputs = [spread(uniform, 3 * T * C), spread(uniform, C)];
        const [dGates, dBias] = run(kernels.gatesBackward, outputs, [gates], floor, T, C);
        const [expected, dBiasExpected] = run(
          kernels.naiveGatesBackward,
          outputs.map(wide),
          naively([gates]),
          floor,
          T,
          C,
        );
        // 1 - s, 1 - floor and three products
        expectClose(dGates, expected, (i) => 6 * EPS * Math.abs(expected[i]), "dGates");
        const terms = wide(outputs[1]).map((value, c) => {
          let sum = Math.abs(value);
          for (let i = c; i < expected.length; i += 3 * C) sum += Math.abs(expected[i]);
          return sum;
        });
        expectClose(dBias, dBiasExpected, (c) => (T + 6) * EPS * terms[c], "dBias");
      }),
    );
  });

  test("the naive backward is the naive forward's slope", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 }), seed, (T, C, seed) => {
        const uniform = uniforms(seed);
        const floor = 0.3;
        const x = wide(evenly(uniform, 3 * T * C, -3, 3));
        const bias = wide(evenly(uniform, C, -1, 1));
        const d = wide(evenly(uniform, 3 * T * C, -1, 1));
        // forget | value | output gate in one array, as their gradients lie
        const forward = (gates: Float64Array, b: Float64Array) => {
          const [forget, out] = run(kernels.naiveGatesForward, [new Float64Array(T * C), gates], [b], floor, T, C);
          return out.map((value, i) => (i % (3 * C) < C ? forget[Math.floor(i / (3 * C)) * C + (i % (3 * C))] : value));
        };
        const [, gates] = run(kernels.naiveGatesForward, [new Float64Array(T * C), x], [bias], floor, T, C);
        const [dx, dBias] = run(kernels.naiveGatesBackward, [d, new Float64Array(C)], [gates], floor, T, C);
        expectClose(
          dx,
          byDifferences((v) => forward(v, bias), x, d),
          () => 1e-8,
        );
        expectClose(
          dBias,
          byDifferences((b) => forward(x, b), bias, d),
          () => 1e-8,
        );
      }),
      { numRuns: 30 },
    );
  });

  test("gives a token the same bits alone and among others", () => {
    fc.assert(
      fc.property(size(12), size(), seed, (T, C, seed) => {
        const uniform = uniforms(seed);
        const x = spread(uniform, 3 * T * C);
        const bias = spread(uniform, C);
        const of = (rows: Float32Array, tokens: number) =>
          run(kernels.gatesForward, [new Float32Array(tokens * C), rows], [bias], 0.5, tokens, C);
        const [forget, gates] = of(x, T);
        for (let t = 0; t < T; t++) {
          const [forgetAlone, alone] = of(x.slice(3 * t * C, 3 * (t + 1) * C), 1);
          expectSameBits(forgetAlone, forget.subarray(t * C, (t + 1) * C));
          expectSameBits(alone, gates.subarray(3 * t * C, 3 * (t + 1) * C));
        }
      }),
      { numRuns: 50 },
    );
  });
});
