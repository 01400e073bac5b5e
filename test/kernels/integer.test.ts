import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evenly, expectSameBits, kernels, onBench, seed, size, uniforms } from "./harness.ts";
import { pack } from "./packing.ts";

const stride = (tokens: number) => kernels.slotStride(tokens) >>> 0;

/** Whole numbers in [-most, most]; `extreme` takes only the ends, all of one sign or at random. */
function wholes(
  uniform: () => number,
  count: number,
  most: number,
  extreme: "no" | "one sign" | "both signs",
): Int8Array {
  return Int8Array.from({ length: count }, () => {
    if (extreme === "no") return Math.round((2 * uniform() - 1) * most);
    return extreme === "one sign" || uniform() < 0.5 ? most : -most;
  });
}

/** rows x tokens with `filler` up to the stride, as a kernel reads them. */
function padded(values: Int8Array, rows: number, tokens: number, filler: number, readable = rows): Uint8Array {
  const out = new Int8Array(readable * stride(tokens)).fill(filler);
  for (let row = 0; row < rows; row++) out.set(values.subarray(row * tokens, (row + 1) * tokens), row * stride(tokens));
  return new Uint8Array(out.buffer);
}

const extremes = fc.constantFrom("no", "no", "one sign", "both signs");

describe("intTernaryForward", () => {
  test("equals its naive sibling to the bit, at the extremes too", () => {
    const shapes = fc.record({
      tokens: fc.oneof(fc.constant(0), size(), fc.constantFrom(8, 9, 31, 32, 33, 40, 41)),
      outputs: size(30),
      // past 256 inputs int16 sums are full, and move on
      inputs: fc.oneof(size(70), fc.constantFrom(255, 256, 257, 600)),
      stack: fc.integer({ min: 1, max: 3 }),
      accumulate: fc.boolean(),
      extreme: extremes,
      seed,
    });
    fc.assert(
      fc.property(shapes, ({ tokens, outputs, inputs, stack, accumulate, extreme, seed }) => {
        const uniform = uniforms(seed);
        const all = outputs * stack;
        const weights = Array.from({ length: stack }, () =>
          Float32Array.from(wholes(uniform, outputs * inputs, 1, extreme)),
        );
        const [{ codes }] = pack(weights, outputs, inputs, new Float32Array(stack).fill(1));
        const q = wholes(uniform, inputs * tokens, 127, extreme);
        const scales = evenly(uniform, stack, 0.1, 2);
        const tokenScales = evenly(uniform, tokens, 0.1, 2);
        const before = evenly(uniform, tokens * all, -1, 1);

        const totals = onBench((bench) => {
          const out = bench.output(new Float64Array(tokens * all));
          const w = bench.input(Float64Array.from(weights.flatMap((matrix) => [...matrix])));
          const x = bench.input(Float64Array.from(q));
          kernels.naiveIntTernaryForward(out.address, w.address, x.address, tokens, all, inputs);
          return out.read();
        });
        const expected = before.map((y, i) => {
          const scaled = Math.fround(scales[Math.floor((i % all) / outputs)] * totals[i]);
          const value = Math.fround(scaled * tokenScales[Math.floor(i / all)]);
          return accumulate ? y + value : value;
        });
        const actual = onBench((bench) => {
          const y = bench.output(before);
          const x = bench.input(padded(q, inputs, tokens, 77, Math.ceil(inputs / 16) * 16));
          kernels.intTernaryForward(
            y.address,
            all,
            x.address,
            stride(tokens),
            bench.input(tokenScales).address,
            bench.input(codes).address,
            bench.input(scales).address,
            outputs,
            tokens,
            all,
            inputs,
            accumulate,
            bench.scratch(kernels.intTernaryScratchBytes(all, inputs) >>> 0),
          );
          return y.read();
        });
        expectSameBits(actual, expected);
      }),
      { numRuns: 150 },
    );
  });
});

describe("intWeightGradient", () => {
  const shapes = fc.record({
    tokens: fc.oneof(fc.constant(0), size(70)),
    outputs: fc.oneof(size(20), fc.constantFrom(63, 64, 65, 130)),
    inputs: size(20),
    accumulate: fc.boolean(),
    extreme: extremes,
    seed,
  });

  test("equals its naive sibling to the bit, whole or by rows", () => {
    fc.assert(
      fc.property(shapes, fc.nat(), ({ tokens, outputs, inputs, accumulate, extreme, seed }, cut) => {
        const uniform = uniforms(seed);
        const dyq = wholes(uniform, outputs * tokens, 63, extreme);
        const xq = wholes(uniform, inputs * tokens, 127, extreme);
        const scales = evenly(uniform, outputs, 0.1, 2);
        const before = evenly(uniform, outputs * inputs, -1, 1);
        const totals = onBench((bench) => {
          const out = bench.output(new Float64Array(outputs * inputs));
          const [dy, x] = [dyq, xq].map((values) => bench.input(Float64Array.from(values)).address);
          kernels.naiveIntWeightGradient(out.address, dy, x, tokens, outputs, inputs);
          return out.read();
        });
        const expected = before.map((old, i) => {
          const value = Math.fround(scales[Math.floor(i / inputs)] * totals[i]);
          return accumulate ? old + value : value;
        });
        const run = (cuts: readonly number[]) =>
          onBench((bench) => {
            const dW = bench.output(before);
            const dy = bench.input(padded(dyq, outputs, tokens, 0));
            const x = bench.input(padded(xq, inputs, tokens, 77));
            const s = bench.input(scales);
            const scratch = bench.scratch(kernels.intWeightGradientScratchBytes(stride(tokens)) >>> 0);
            cuts.slice(1).forEach((to, i) => {
              const from = cuts[i];
              kernels.intWeightGradient(
                dW.address + from * inputs * 4,
                dy.address + from * stride(tokens),
                s.address + from * 4,
                x.address,
                stride(tokens),
                tokens,
                to - from,
                inputs,
                accumulate,
                scratch,
              );
            });
            return dW.read();
          });
        expectSameBits(run([0, outputs]), expected);
        expectSameBits(run([0, cut % (outputs + 1), outputs]), expected);
      }),
      { numRuns: 150 },
    );
  });
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
        bench.scratch(width * 4),
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
