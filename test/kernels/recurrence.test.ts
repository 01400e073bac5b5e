import fc from "fast-check";
import { describe, test } from "vitest";
import {
  byDifferences,
  EPS,
  evenly,
  expectClose,
  expectSameBits,
  kernels,
  magnitudes,
  naively,
  run,
  seed,
  size,
  spread,
  uniforms,
  wide,
} from "./harness.ts";

const shapes = fc.record({ T: fc.oneof(fc.constant(0), size()), C: size(), seed });

// gates in (0, 1), values over several magnitudes; the first row of `hidden` is h_{-1}
function example({ T, C, seed }: { T: number; C: number; seed: number }) {
  const uniform = uniforms(seed);
  const forget = evenly(uniform, T * C, 0, 1);
  const gates = evenly(uniform, 3 * T * C, 0, 1);
  const values = spread(uniform, T * C);
  for (let t = 0; t < T; t++) gates.set(values.subarray(t * C, (t + 1) * C), (3 * t + 1) * C);
  const hidden = new Float32Array((T + 1) * C).fill(NaN);
  hidden.set(spread(uniform, C));
  return { forget, gates, hidden, uniform };
}

/** The recurrence of a sequence: each row's row before is the one ahead of it. */
const recurSequence = (hidden: number, gated: number, forget: number, gates: number, T: number, C: number) =>
  kernels.recurrenceForward(hidden, gated, forget, gates, hidden - 4 * C, 4 * C, T, C);

describe("recurrence", () => {
  test("forward agrees with the naive sibling", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const { T, C } = shape;
        const { forget, gates, hidden } = example(shape);
        const outputs = [{ values: hidden, skip: C }, new Float32Array(T * C)];
        const actual = run(recurSequence, outputs, [forget, gates], T, C);
        const [expected, terms] = [wide, magnitudes].map((of) =>
          run(kernels.naiveRecurrenceForward, naively(outputs, of), naively([forget, gates], of), T, C),
        );
        // four roundings a step, each of a term that the sum of magnitudes holds
        for (const part of [0, 1]) expectClose(actual[part], expected[part], (i) => (4 * T + 4) * EPS * terms[part][i]);
      }),
    );
  });

  test("backward agrees with the naive sibling", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const { T, C } = shape;
        const { forget, gates, hidden, uniform } = example(shape);
        hidden.set(spread(uniform, T * C), C);
        const inputs = [spread(uniform, T * C), { values: hidden, skip: C }, forget, gates];
        const dGates = new Float32Array(3 * T * C).fill(NaN);
        const [actual] = run(kernels.recurrenceBackward, [dGates], [...inputs, { scratch: 4 * C }], T, C);
        const [expected] = run(kernels.naiveRecurrenceBackward, [wide(dGates)], naively(inputs), T, C);
        // |h_{t-1}| + |v| is what the sibling makes of h_{t-1} - v if v is given with a minus
        const sizes = (x: Float32Array) =>
          magnitudes(x).map((size, i) => (x === gates && Math.floor(i / C) % 3 === 1 ? -size : size));
        const [terms] = run(kernels.naiveRecurrenceBackward, [wide(dGates)], naively(inputs, sizes), T, C);
        expectClose(actual, expected, (i) => (4 * T + 6) * EPS * terms[i]);
      }),
    );
  });

  test("the naive backward is the naive forward's slope", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 3 }), seed, (T, C, seed) => {
        const { forget, gates, hidden, uniform } = example({ T, C, seed });
        const [f, x, h] = [forget, gates, hidden].map(wide);
        const d = wide(evenly(uniform, T * C, -1, 1));
        const forward = (f: Float64Array, x: Float64Array) =>
          run(kernels.naiveRecurrenceForward, [{ values: h, skip: C }, new Float64Array(T * C)], [f, x], T, C);
        const [kept] = forward(f, x);
        const inputs = [d, { values: kept, skip: C }, f, x];
        const [dGates] = run(kernels.naiveRecurrenceBackward, [new Float64Array(3 * T * C)], inputs, T, C);
        const third = (which: number) => dGates.filter((_, i) => Math.floor(i / C) % 3 === which);
        const byGates = byDifferences((v) => forward(f, v)[1], x, d);
        expectClose(
          third(0),
          byDifferences((v) => forward(v, x)[1], f, d),
          () => 1e-7,
          "forget",
        );
        for (const which of [1, 2]) {
          expectClose(
            third(which),
            byGates.filter((_, i) => Math.floor(i / C) % 3 === which),
            () => 1e-7,
          );
        }
      }),
      { numRuns: 30 },
    );
  });

  test("cut into two calls, with the row before carried over, gives the same bits", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 20 }), size(), fc.nat(), seed, (T, C, cut, seed) => {
        const { forget, gates, hidden } = example({ T, C, seed });
        const first = 1 + (cut % (T - 1));
        const part = (before: Float32Array, from: number, to: number) => {
          const values = new Float32Array((to - from + 1) * C);
          values.set(before);
          const outputs = [{ values, skip: C }, new Float32Array((to - from) * C)];
          const inputs = [forget.slice(from * C, to * C), gates.slice(3 * from * C, 3 * to * C)];
          return run(recurSequence, outputs, inputs, to - from, C);
        };
        const start = hidden.subarray(0, C);
        const [whole, gated] = part(start, 0, T);
        const [early, earlyGated] = part(start, 0, first);
        const [late, lateGated] = part(early.subarray(first * C), first, T);
        expectSameBits(early, whole.subarray(0, (first + 1) * C));
        expectSameBits(late, whole.subarray(first * C));
        expectSameBits(earlyGated, gated.subarray(0, first * C));
        expectSameBits(lateGated, gated.subarray(first * C));
      }),
    );
  });

  test("with a row before of its own for each, gives the bits of one row at a time", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), size(), fc.nat(3), seed, (S, C, gap, seed) => {
        const { forget, gates, uniform } = example({ T: S, C, seed });
        const stride = C + gap;
        const before = spread(uniform, S * stride);
        const rows = () => new Float32Array(S * C).fill(NaN);
        const inputs = [forget, gates, before];
        const all = run(kernels.recurrenceForward, [rows(), rows()], inputs, 4 * stride, S, C);
        for (let s = 0; s < S; s++) {
          const values = new Float32Array(2 * C);
          values.set(before.subarray(s * stride, s * stride + C));
          const outputs = [{ values, skip: C }, new Float32Array(C)];
          const own = [forget.slice(s * C, (s + 1) * C), gates.slice(3 * s * C, 3 * (s + 1) * C)];
          const [hidden, gated] = run(recurSequence, outputs, own, 1, C);
          expectSameBits(all[0].slice(s * C, (s + 1) * C), hidden.slice(C));
          expectSameBits(all[1].slice(s * C, (s + 1) * C), gated);
        }
      }),
    );
  });
});
