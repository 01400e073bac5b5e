import { describe, expect, test } from "vitest";
import { expectSameBits, kernels, run } from "./harness.ts";

const COUNT = 200_000;

function uniforms(seed: number, stream: number): Float64Array {
  const [s, t] = [BigInt(seed), BigInt(stream)];
  return Float64Array.from({ length: COUNT }, (_, i) => kernels.randomUniform(s, t, BigInt(i)));
}

function normals(count: number, std: number, seed: number, stream: number): Float32Array {
  return run(
    (out) => kernels.randomNormal(out, count, std * std, seed, stream),
    [new Float32Array(count).fill(NaN)],
    [],
  )[0];
}

function mean(x: ArrayLike<number>, f: (value: number, i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += f(x[i], i);
  return sum / x.length;
}

function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [ma, mb] = [a, b].map((x) => mean(x, (value) => value));
  const covariance = mean(a, (value, i) => (value - ma) * (b[i] - mb));
  return covariance / Math.sqrt(mean(a, (value) => (value - ma) ** 2) * mean(b, (value) => (value - mb) ** 2));
}

/** Five standard deviations of a mean of COUNT numbers of deviation `std`: seeds are fixed, so a test cannot fail by chance later. */
const slack = (std: number) => (5 * std) / Math.sqrt(COUNT);

// neighbours in every coordinate, and seeds and streams of one bit
const pairs = [
  [0, 0, 0, 1],
  [0, 0, 1, 0],
  [1, 0, 0, 1],
  [7, 3, 7, 4],
  [0, 1, 0, 2 ** 31],
  [2 ** 31, 0, 0, 0],
] as const;

describe("randomUniform", () => {
  test.each([
    [0, 0],
    [1, 0],
    [0, 1],
    [12345, 678],
  ])("seed %i, stream %i lies evenly in [0, 1)", (seed, stream) => {
    const x = uniforms(seed, stream);
    expect(x.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(Math.abs(mean(x, (value) => value) - 1 / 2)).toBeLessThan(slack(Math.sqrt(1 / 12)));
    // the deviation of (x - 1/2)^2 is sqrt(1/180)
    expect(Math.abs(mean(x, (value) => (value - 0.5) ** 2) - 1 / 12)).toBeLessThan(slack(Math.sqrt(1 / 180)));
    const bins = new Float64Array(256);
    for (const value of x) bins[Math.floor(value * 256)]++;
    const chiSquare = bins.reduce((sum, n) => sum + (n - COUNT / 256) ** 2 / (COUNT / 256), 0);
    // 255 degrees of freedom: mean 255, deviation 22.6
    expect(Math.abs(chiSquare - 255)).toBeLessThan(5 * 22.6);
    expect(Math.abs(correlation(x.subarray(1), x.subarray(0, -1)))).toBeLessThan(slack(1));
  });

  test.each(pairs)("(seed, stream) (%i, %i) and (%i, %i) are not correlated", (seedA, streamA, seedB, streamB) => {
    const [a, b] = [uniforms(seedA, streamA), uniforms(seedB, streamB)];
    expect(Math.abs(correlation(a, b))).toBeLessThan(slack(1));
    expect(Math.abs(correlation(a.subarray(1), b.subarray(0, -1)))).toBeLessThan(slack(1));
  });

  test("gives numbers that no other version may change", () => {
    // SplitMix64 of each coordinate in turn, in BigInt
    const mask = 2n ** 64n - 1n;
    const mix = (x: bigint): bigint => {
      let z = x & mask;
      z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
      z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
      return z ^ (z >> 31n);
    };
    for (const [seed, stream, counter] of [
      [0n, 0n, 0n],
      [1n, 2n, 3n],
      [2n ** 63n, 5n, 2n ** 40n],
    ]) {
      const golden = 0x9e3779b97f4a7c15n;
      const bits = mix(mix(mix(seed + golden) + stream * 0xd1342543de82ef95n) + counter * golden);
      expect(kernels.randomUniform(seed, stream, counter)).toBe(Number(bits >> 11n) * 2 ** -53);
    }
  });
});

describe("randomNormal", () => {
  test.each([
    [0, 0],
    [42, 17],
  ])("seed %i, stream %i has the moments of a normal distribution", (seed, stream) => {
    const std = 0.02;
    const x = Float64Array.from(normals(COUNT, std, seed, stream), (value) => value / std);
    expect(Math.abs(mean(x, (value) => value))).toBeLessThan(slack(1));
    expect(Math.abs(mean(x, (value) => value ** 2) - 1)).toBeLessThan(slack(Math.sqrt(2)));
    expect(Math.abs(mean(x, (value) => value ** 3))).toBeLessThan(slack(Math.sqrt(15)));
    expect(Math.abs(mean(x, (value) => value ** 4) - 3)).toBeLessThan(slack(Math.sqrt(96)));
    // the tail: |x| > 3 has probability 0.0027
    expect(Math.abs(mean(x, (value) => Number(Math.abs(value) > 3)) - 0.0026998)).toBeLessThan(slack(0.052));
    expect(Math.abs(correlation(x.subarray(1), x.subarray(0, -1)))).toBeLessThan(slack(1));
  });

  test.each(pairs)("(seed, stream) (%i, %i) and (%i, %i) are not correlated", (seedA, streamA, seedB, streamB) => {
    const [a, b] = [normals(COUNT, 1, seedA, streamA), normals(COUNT, 1, seedB, streamB)];
    expect(Math.abs(correlation(a, b))).toBeLessThan(slack(1));
    expect(Math.abs(correlation(a.subarray(1), b.subarray(0, -1)))).toBeLessThan(slack(1));
  });

  test("gives element i whatever the count, and scales it by std exactly", () => {
    const all = normals(1000, 1, 5, 6);
    for (const count of [0, 1, 3, 17, 999]) expectSameBits(normals(count, 1, 5, 6), all.subarray(0, count));
    expectSameBits(
      normals(1000, 0.25, 5, 6),
      all.map((value) => value * 0.25),
    );
  });
});
