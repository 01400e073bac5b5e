import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  EPS,
  expectClose,
  expectSameBits,
  kernels,
  magnitudes,
  naively,
  onBench,
  run,
  seed,
  size,
  spread,
  uniforms,
  wide,
} from "./harness.ts";

type Update = typeof kernels.naiveAdamwUpdate;

// after how many steps, and with what rate, decay and clip
interface Step {
  lr: number;
  decay: number;
  step: number;
  clip: number;
}

const [beta1, beta2, eps] = [0.9, 0.95, 1e-8];

// [sum of |weight|, weight, m, v]
function update<V extends Float32Array | Float64Array>(
  kernel: Update,
  arrays: readonly V[],
  s: Step,
): [number, V, V, V] {
  return onBench((bench) => {
    const [weight, grad, m, v] = arrays.map((values, i) => (i === 1 ? bench.input(values) : bench.output(values)));
    const corrections = [1 - beta1 ** s.step, 1 - beta2 ** s.step];
    const at = [weight.address, grad.address, m.address, v.address] as const;
    const sum = kernel(
      ...at,
      arrays[0].length,
      s.lr,
      beta1,
      beta2,
      eps,
      s.decay,
      corrections[0],
      corrections[1],
      s.clip,
    );
    return [sum, weight.read(), m.read(), v.read()];
  });
}

const steps = fc.record({
  lr: fc.constantFrom(3e-3, 3e-4),
  decay: fc.constantFrom(0, 0.05),
  step: fc.constantFrom(1, 2, 100, 100_000),
  clip: fc.constantFrom(1, 0.3).map(Math.fround),
});

describe("adamwUpdate", () => {
  test("agrees with the naive sibling, and gives the sum of |weight|", () => {
    fc.assert(
      fc.property(fc.oneof(fc.constant(0), size(60)), steps, seed, (count, s, seed) => {
        const uniform = uniforms(seed);
        const [weight, grad, m] = [spread(uniform, count), spread(uniform, count, 1, 8), spread(uniform, count, 1, 8)];
        const v = spread(uniform, count, 1, 16).map(Math.abs);
        const [sum, w1, m1, v1] = update(kernels.adamwUpdate, [weight, grad, m, v], s);
        const [, w, mE, vE] = update(kernels.naiveAdamwUpdate, [weight, grad, m, v].map(wide), s);
        // the constants, three products and a sum; m may cancel, so that its error is relative to its terms
        const errorM = (i: number) => 4 * EPS * (0.9 * Math.abs(m[i]) + 0.1 * Math.abs(grad[i]));
        expectClose(m1, mE, errorM, "m");
        expectClose(v1, vE, (i) => 6 * EPS * vE[i], "v");
        const tolerance = (i: number) => {
          const rate = s.lr / (1 - beta1 ** s.step) / (Math.sqrt(vE[i] / (1 - beta2 ** s.step)) + eps);
          return (
            3 * EPS * Math.abs(w[i]) + 3 * EPS * Math.abs(weight[i]) + rate * (errorM(i) + 12 * EPS * Math.abs(mE[i]))
          );
        };
        expectClose(w1, w, tolerance, "weight");
        // of its own weights, in float64
        expectClose([sum], [w1.reduce((total, value) => total + Math.abs(value), 0)], () => 1e-14 * sum, "sum");
      }),
      { numRuns: 200 },
    );
  });

  test("moments too small to matter become 0 instead of denormal", () => {
    const [, , m, v] = update(
      kernels.adamwUpdate,
      [
        Float32Array.of(1, 1, 1),
        Float32Array.of(0, 0, 1e-20),
        Float32Array.of(1e-30, -1e-30, 0),
        Float32Array.of(1e-30, 1e-38, 0),
      ],
      { lr: 1e-3, decay: 0, step: 10, clip: 1 },
    );
    expect([...m]).toEqual([0, 0, Math.fround(1e-21)].map((value) => expect.closeTo(value, 25)));
    expect([...m.subarray(0, 2), ...v]).toEqual([0, 0, 0, 0, 0]);
  });

  test("a gradient that is not a number is seen in its weight, and in no other", () => {
    const ones = () => new Float32Array(6).fill(1);
    const grad = Float32Array.of(1, 1, NaN, 1, 1, 1);
    const [sum, weight] = update(kernels.adamwUpdate, [ones(), grad, ones(), ones()], {
      lr: 1e-3,
      decay: 0,
      step: 1,
      clip: 1,
    });
    expect([...weight].map(Number.isNaN)).toEqual([false, false, true, false, false, false]);
    expect(sum).toBeNaN();
  });

  test("by ranges gives the same bits", () => {
    const uniform = uniforms(11);
    const s = { lr: 1e-3, decay: 0.05, step: 3, clip: 0.5 };
    const arrays = [spread(uniform, 41), spread(uniform, 41), spread(uniform, 41), spread(uniform, 41).map(Math.abs)];
    const whole = update(kernels.adamwUpdate, arrays, s);
    for (const [from, to] of [
      [0, 13],
      [13, 41],
    ]) {
      const part = update(
        kernels.adamwUpdate,
        arrays.map((values) => values.slice(from, to)),
        s,
      );
      for (const i of [1, 2, 3] as const) expectSameBits(part[i], whole[i].slice(from, to));
    }
  });
});

describe("sums", () => {
  test("of squares and of magnitudes are those of the naive siblings, to the bit", () => {
    fc.assert(
      fc.property(fc.oneof(fc.constant(0), size(100)), seed, (count, seed) => {
        const x = spread(uniforms(seed), count, 1e15, 30);
        const of = (kernel: (x: number, count: number) => number, values: Float32Array | Float64Array) =>
          onBench((bench) => kernel(bench.input(values).address, count));
        // the product of two float32 is exact in float64, and the order is the same
        expect(of(kernels.sumOfSquares, x)).toBe(of(kernels.naiveSumOfSquares, wide(x)));
        expect(of(kernels.sumOfAbsolutes, x)).toBe(of(kernels.naiveSumOfAbsolutes, wide(x)));
      }),
    );
  });

  test("of parts agree with the naive sibling", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 9 }),
        size(),
        fc.constantFrom(0, 3),
        fc.boolean(),
        seed,
        (parts, count, gap, accumulate, seed) => {
          const uniform = uniforms(seed);
          const [out, x] = [spread(uniform, count), spread(uniform, parts * (count + gap))];
          const numbers = [parts, count + gap, count, Number(accumulate)];
          const fast = (...n: number[]) => kernels.sumParts(n[0], n[1], n[2], n[3], n[4], n[5] === 1);
          const naive = (...n: number[]) => kernels.naiveSumParts(n[0], n[1], n[2], n[3], n[4], n[5] === 1);
          const [actual] = run(fast, [out], [x], ...numbers);
          const [expected, terms] = [wide, magnitudes].map(
            (of) => run(naive, [of(out)], naively([x], of), ...numbers)[0],
          );
          expectClose(actual, expected, (i) => parts * EPS * terms[i]);
        },
      ),
    );
  });

  test("the gradient norm is the root of its parts", () => {
    const norm = (squares: number[]) =>
      onBench((bench) => kernels.gradientNorm(bench.input(Float64Array.from(squares)).address, squares.length));
    expect(norm([])).toBe(0);
    expect(norm([9, 16])).toBe(5);
    expect(norm([1, Number.NaN])).toBeNaN();
  });
});
