import { describe, expect, test } from "vitest";
import { expectClose, expectSameBits, kernels, run, uniforms } from "./harness.ts";

type Kernel = (out: number, x: number, count: number) => void;

const COUNT = 2 ** 20;

function over(kernel: Kernel, x: Float32Array): Float32Array {
  return run(kernel, [new Float32Array(x.length).fill(7)], [x], x.length)[0];
}

// a kernel reads four numbers at a time
function atOnly(kernel: Kernel, x: number): number {
  return over(kernel, new Float32Array(4).fill(x))[0];
}

/** COUNT float32 of all exponents and both signs, subnormal ones, infinities and NaNs too. */
function allPatterns(): Float32Array {
  const bits = Uint32Array.from({ length: COUNT }, (_, i) => Math.imul(i, 2 ** 32 / COUNT + 1));
  return new Float32Array(bits.buffer);
}

/** COUNT float32 in even steps over [low, high]. */
function steps(low: number, high: number): Float32Array {
  return Float32Array.from({ length: COUNT }, (_, i) => low + ((high - low) * i) / (COUNT - 1));
}

// exp in its promised form: 0 below -80, e^88 above 88
function boundedExp(x: number): number {
  return x < -80 ? 0 : Math.exp(Math.min(x, 88));
}

function sigmoid(x: number): number {
  const e = boundedExp(-Math.abs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

interface Case {
  name: string;
  kernel: Kernel;
  exact: (x: number) => number;
  bound: number;
  dense: Float32Array[];
}

// the bounds of the docstrings in assembly/numeric; those were found by trying every float32 that matters
const cases: Case[] = [
  { name: "exp", kernel: kernels.expArray, exact: boundedExp, bound: 8.3e-8, dense: [steps(-81, 89), steps(-1, 1)] },
  {
    name: "sigmoid",
    kernel: kernels.sigmoidArray,
    exact: sigmoid,
    bound: 1.8e-7,
    dense: [steps(-90, 90), steps(-4, 4)],
  },
  { name: "rsqrt", kernel: kernels.rsqrtArray, exact: (x) => 1 / Math.sqrt(x), bound: 9e-8, dense: [steps(0, 4)] },
];

describe.each(cases)("$name", ({ kernel, exact, bound, dense }) => {
  test(`is within ${bound} of float64 over all float32`, () => {
    for (const x of [allPatterns(), ...dense]) {
      const expected = Float64Array.from(x, exact);
      expectClose(over(kernel, x), expected, (i) => bound * Math.abs(expected[i]));
    }
  });

  test("keeps NaN", () => {
    expect(atOnly(kernel, NaN)).toBeNaN();
  });
});

describe("exp", () => {
  test("is exact where the docstring says so", () => {
    for (const zero of [0, -0]) expect(atOnly(kernels.expArray, zero)).toBe(1);
    for (const low of [-80.00001, -81, -1e9, -3e38, -Infinity]) expect(atOnly(kernels.expArray, low)).toBe(0);
    expect(atOnly(kernels.expArray, -80)).toBeGreaterThan(0);
    for (const high of [88.00001, 89, 1e9, Infinity]) {
      expect(atOnly(kernels.expArray, high)).toBe(atOnly(kernels.expArray, 88));
    }
  });

  test("gives no subnormal number", () => {
    const smallest = over(kernels.expArray, steps(-81, -79)).filter((value) => value !== 0 && value < 2 ** -126);
    expect(smallest.length).toBe(0);
  });
});

describe("sigmoid", () => {
  test("is 1/2 at 0, 1 far above, 0 far below", () => {
    for (const zero of [0, -0]) expect(atOnly(kernels.sigmoidArray, zero)).toBe(0.5);
    for (const high of [30, 1e9, Infinity]) expect(atOnly(kernels.sigmoidArray, high)).toBe(1);
    for (const low of [-80.00001, -1e9, -Infinity]) expect(atOnly(kernels.sigmoidArray, low)).toBe(0);
  });

  test("is symmetric: sigmoid(x) + sigmoid(-x) is 1 but for the roundings of both", () => {
    const x = steps(0, 100);
    const [up, down] = [x, x.map((value) => -value)].map((values) => over(kernels.sigmoidArray, values));
    // three roundings of either, all below the spacing of 1
    expectClose(
      up.map((value, i) => value + down[i]),
      new Float32Array(COUNT).fill(1),
      () => 2 ** -23,
    );
  });

  test("never leaves [0, 1]", () => {
    const outside = over(kernels.sigmoidArray, allPatterns()).filter((value) => value < 0 || value > 1);
    expect(outside.length).toBe(0);
  });
});

describe("log", () => {
  test("is within 5e-16 of Math.log, which is good to as much, for positive normal float64", () => {
    const uniform = uniforms(1);
    const wide = Array.from({ length: 200_000 }, () => 2 ** (-1022 + 2045 * uniform()));
    const near = Array.from({ length: 200_000 }, (_, i) => 0.5 + i / 100_000);
    const nearer = Array.from({ length: 50_000 }, () => 1 + (uniform() - 0.5) * 2 ** (-50 * uniform()));
    for (const x of [wide, near, nearer]) {
      const expected = x.map(Math.log);
      expectClose(
        x.map((value) => kernels.log(value)),
        expected,
        (i) => 5e-16 * Math.abs(expected[i]),
      );
    }
  });

  test("is exact at 1 and falls on both sides of it", () => {
    expect(kernels.log(1)).toBe(0);
    expect(kernels.log(1 + 2 ** -52)).toBeCloseTo(2 ** -52, 30);
    expect(kernels.log(1 - 2 ** -53)).toBeCloseTo(-(2 ** -53), 30);
  });
});

describe("the siblings' own functions", () => {
  test("naiveExp is within 1e-15 of Math.exp", () => {
    const x = Array.from({ length: 200_000 }, (_, i) => -300 + i * 0.003);
    expectClose(
      x.map((value) => kernels.naiveExp(value)),
      x.map(Math.exp),
      (i) => 1e-15 * Math.exp(x[i]),
    );
    expectSameBits(Float64Array.of(kernels.naiveExp(0), kernels.naiveSigmoid(0)), Float64Array.of(1, 0.5));
  });
});
