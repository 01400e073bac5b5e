import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { whyNotRelaxed } from "../../src/engine/module.ts";
import { evenly, kernels, onBench, seed, size, testModule, uniforms } from "./harness.ts";
import { integerChecks } from "./integer-checks.ts";

const stride = (tokens: number) => kernels.slotStride(tokens) >>> 0;

const sets = (["simd", "relaxed", "single"] as const).filter(
  (set) => set !== "relaxed" || whyNotRelaxed() === undefined,
);

describe.each(sets)("in the module %s, to the bit,", (set) => {
  const module = testModule(set);

  test.each(Object.entries(integerChecks))("%s equals its naive sibling", (_, check) => check(module));
});

describe("quantizeTokens", () => {
  test("rounds each token to 127 steps of its largest channel, half to even", () => {
    fc.assert(
      fc.property(size(), size(), fc.constantFrom(0, 3), seed, (tokens, width, gap, seed) => {
        const uniform = uniforms(seed);
        const x = evenly(uniform, tokens * (width + gap), -3, 3);
        if (tokens > 1) x.fill(0, 0, width); // a token of nothing
        const { q, scales } = quantize(x, tokens, width, width + gap);
        for (let t = 0; t < tokens; t++) {
          const row = x.subarray(t * (width + gap), t * (width + gap) + width);
          const top = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          expect(scales[t]).toBe(Math.fround(top / 127));
          const factor = top === 0 ? 0 : Math.fround(127 / top);
          row.forEach((value, c) => {
            expect(q[c * stride(tokens) + t]).toBe(halfToEven(Math.fround(factor * value)));
          });
        }
        clearPast(q, tokens, width);
      }),
      { numRuns: 60 },
    );
  });

  test("shows a broken token in its scale alone", () => {
    for (const broken of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const [tokens, width] = [6, 7];
      const x = evenly(uniforms(3), tokens * width, -1, 1);
      const { scales: sound } = quantize(x, tokens, width, width);
      x[4 * width + 5] = broken;
      const { q, scales } = quantize(x, tokens, width, width);
      expect([...scales]).toEqual([...sound].map((scale, t) => (t === 4 ? broken : scale)));
      for (let c = 0; c < width; c++) expect(q[c * stride(tokens) + 4]).toBe(0);
      clearPast(q, tokens, width);
    }
  });

  function quantize(x: Float32Array, tokens: number, width: number, xStride: number) {
    return onBench((bench) => {
      const q = bench.output(new Uint8Array(width * stride(tokens)).fill(99));
      const scales = bench.output(new Float32Array(tokens));
      kernels.quantizeTokens(q.address, stride(tokens), scales.address, bench.input(x).address, xStride, tokens, width);
      return { q: new Int8Array(q.read().buffer), scales: scales.read() };
    });
  }
});

describe("quantizeChannels", () => {
  const quantize = (dy: Float32Array, tokenScales: Float32Array, tokens: number, width: number, key: number) =>
    onBench((bench) => {
      const q = bench.output(new Uint8Array(width * stride(tokens)).fill(99));
      const scales = bench.output(new Float32Array(width));
      kernels.quantizeChannels(
        q.address,
        stride(tokens),
        scales.address,
        bench.input(dy).address,
        width,
        bench.input(tokenScales).address,
        tokens,
        width,
        key,
      );
      return { q: new Int8Array(q.read().buffer), scales: scales.read() };
    });

  test("rounds each channel to one of its two neighbours among 63 steps", () => {
    fc.assert(
      fc.property(size(), size(), seed, (tokens, width, seed) => {
        const uniform = uniforms(seed);
        const dy = evenly(uniform, tokens * width, -3, 3);
        const tokenScales = evenly(uniform, tokens, 0.01, 1);
        const { q, scales } = quantize(dy, tokenScales, tokens, width, seed);
        for (let c = 0; c < width; c++) {
          for (let t = 0; t < tokens; t++) {
            const steps = (dy[t * width + c] * tokenScales[t]) / scales[c];
            const rounded = q[c * stride(tokens) + t];
            expect(Math.abs(rounded - steps)).toBeLessThan(1.0001);
            expect(Math.abs(rounded)).toBeLessThanOrEqual(63);
          }
        }
        clearPast(q, tokens, width);
      }),
      { numRuns: 60 },
    );
  });

  test("shows a broken channel in its scale alone", () => {
    for (const broken of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const [tokens, width] = [6, 18]; // channels are taken by sixteens and by fours
      const dy = evenly(uniforms(3), tokens * width, -1, 1);
      const tokenScales = new Float32Array(tokens).fill(1);
      const { scales: sound } = quantize(dy, tokenScales, tokens, width, 1);
      for (const channel of [5, 17]) dy[3 * width + channel] = broken;
      const { q, scales } = quantize(dy, tokenScales, tokens, width, 1);
      expect([...scales]).toEqual([...sound].map((scale, c) => (c === 5 || c === 17 ? broken : scale)));
      for (let t = 0; t < tokens; t++) expect(q[5 * stride(tokens) + t]).toBe(0);
      clearPast(q, tokens, width);
    }
  });

  test("is right in the mean, and a function of its key", () => {
    const [tokens, width] = [40, 10];
    const uniform = uniforms(5);
    const dy = evenly(uniform, tokens * width, -1, 1);
    const tokenScales = evenly(uniform, tokens, 0.5, 1);
    const keys = 400;
    const mean = new Float64Array(tokens * width);
    for (let key = 0; key < keys; key++) {
      const { q, scales } = quantize(dy, tokenScales, tokens, width, Math.imul(key, 0x9e3779b1));
      mean.forEach((_, i) => {
        const [t, c] = [Math.floor(i / width), i % width];
        mean[i] += (q[c * stride(tokens) + t] - (dy[i] * tokenScales[t]) / scales[c]) / keys;
      });
    }
    // the error of one is at most 1 step and has a deviation of 0.5 at most: that of the mean is 0.025
    expect(Math.max(...mean.map(Math.abs))).toBeLessThan(6 * 0.025);
    expect(Math.abs(mean.reduce((a, b) => a + b, 0) / mean.length)).toBeLessThan(6 * (0.025 / Math.sqrt(mean.length)));
    expect(quantize(dy, tokenScales, tokens, width, 1)).toEqual(quantize(dy, tokenScales, tokens, width, 1));
    expect(quantize(dy, tokenScales, tokens, width, 1).q).not.toEqual(quantize(dy, tokenScales, tokens, width, 2).q);
  });
});

/** The kernels take tokens by eights: what they may read past the end is 0. */
function clearPast(q: Int8Array, tokens: number, width: number): void {
  for (let c = 0; c < width; c++) {
    for (let t = tokens; t < Math.ceil(tokens / 8) * 8; t++) expect(q[c * stride(tokens) + t]).toBe(0);
  }
}

function halfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value) + 0;
  return floor % 2 === 0 ? floor : floor + 1;
}
