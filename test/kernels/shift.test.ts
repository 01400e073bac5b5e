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

const shapes = fc.record({ T: fc.oneof(fc.constant(0), size(20)), width: size(), seed });

function example({ T, width, seed }: { T: number; width: number; seed: number }) {
  const uniform = uniforms(seed);
  const values = spread(uniform, (T + 1) * width);
  return { y: { values, skip: width }, mix: evenly(uniform, width, -6, 6), dout: spread(uniform, T * width), uniform };
}

/** The shift of a sequence: each row's row before is the one ahead of it. */
const shiftSequence = (out: number, y: number, mix: number, m: number, T: number, width: number) =>
  kernels.shiftForward(out, y, y - 4 * width, mix, m, 4 * width, T, width);

describe("shift", () => {
  test("forward agrees with the naive sibling", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const { T, width } = shape;
        const { y, mix } = example(shape);
        const out = new Float32Array(T * width);
        const [actual] = run(shiftSequence, [out], [y, mix, { scratch: 4 * width }], T, width);
        const [expected] = run(kernels.naiveShiftForward, [wide(out)], naively([y, mix]), T, width);
        // m is good to 5 eps, of which both rows get their share; three more roundings
        const sizes = (i: number) => Math.abs(y.values[i]) + Math.abs(y.values[i + width]);
        expectClose(actual, expected, (i) => 8 * EPS * sizes(i));
      }),
    );
  });

  test("backward agrees with the naive sibling, and adds onto dMix", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const { T, width } = shape;
        const { y, mix, dout, uniform } = example(shape);
        const dMix = spread(uniform, width);
        const inputs = [dout, y, mix, { scratch: 4 * width }];
        const [dy, actual] = run(kernels.shiftBackward, [new Float32Array(T * width), dMix], inputs, T, width);
        const outputs = [new Float64Array(T * width), wide(dMix)];
        const [dyExpected, expected] = run(kernels.naiveShiftBackward, outputs, naively(inputs), T, width);
        expectClose(dy, dyExpected, (i) => 8 * EPS * (Math.abs(dout[i]) + Math.abs(dout[i + width] ?? 0)), "dy");
        // m (1 - m) is good to 12 eps of 1; a rounding for every token added
        const terms = wide(dMix).map((value, c) => {
          let sum = Math.abs(value);
          for (let i = c; i < dout.length; i += width) sum += Math.abs(dout[i] * (y.values[i + width] - y.values[i]));
          return sum;
        });
        expectClose(actual, expected, (c) => (T + 12) * EPS * terms[c], "dMix");
      }),
    );
  });

  test("the naive backward is the naive forward's slope", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), seed, (T, width, seed) => {
        const uniform = uniforms(seed);
        const y = wide(evenly(uniform, (T + 1) * width, -2, 2));
        const mix = wide(evenly(uniform, width, -2, 2));
        const dout = wide(evenly(uniform, T * width, -1, 1));
        const forward = (values: Float64Array, m: Float64Array) =>
          run(kernels.naiveShiftForward, [new Float64Array(T * width)], [{ values, skip: width }, m], T, width)[0];
        const outputs = [new Float64Array(T * width), new Float64Array(width)];
        const [dy, dMix] = run(kernels.naiveShiftBackward, outputs, [dout, { values: y, skip: width }, mix], T, width);
        // the slope to the row before belongs to whoever computed that row: none is asked for
        expectClose(dy, byDifferences((v) => forward(v, mix), y, dout).subarray(width), () => 1e-8);
        expectClose(
          dMix,
          byDifferences((m) => forward(y, m), mix, dout),
          () => 1e-8,
        );
      }),
      { numRuns: 30 },
    );
  });

  test("cut into two calls, with the row before carried over, gives the same bits", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), size(), fc.nat(), seed, (T, width, cut, seed) => {
        const { y, mix } = example({ T, width, seed });
        const first = 1 + (cut % (T - 1));
        const part = (from: number, to: number) => {
          const rows = { values: y.values.slice(from * width, (to + 1) * width), skip: width };
          const out = new Float32Array((to - from) * width);
          return run(shiftSequence, [out], [rows, mix, { scratch: 4 * width }], to - from, width)[0];
        };
        const whole = part(0, T);
        expectSameBits(part(0, first), whole.subarray(0, first * width));
        expectSameBits(part(first, T), whole.subarray(first * width));
      }),
    );
  });

  test("with a row before of its own for each, gives the bits of one row at a time", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), size(), fc.nat(3), seed, (S, width, gap, seed) => {
        const uniform = uniforms(seed);
        const [y, mix] = [spread(uniform, S * width), evenly(uniform, width, -6, 6)];
        const stride = width + gap;
        const before = spread(uniform, S * stride);
        const inputs = [y, before, mix, { scratch: 4 * width }];
        const [all] = run(kernels.shiftForward, [new Float32Array(S * width)], inputs, 4 * stride, S, width);
        for (let s = 0; s < S; s++) {
          const row = y.subarray(s * width, (s + 1) * width);
          const values = Float32Array.of(...before.subarray(s * stride, s * stride + width), ...row);
          const [one] = run(
            shiftSequence,
            [new Float32Array(width)],
            [{ values, skip: width }, mix, { scratch: 4 * width }],
            1,
            width,
          );
          expectSameBits(all.slice(s * width, (s + 1) * width), one);
        }
      }),
    );
  });
});
