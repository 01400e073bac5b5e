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
  seed,
  size,
  spread,
  uniforms,
  wide,
} from "./harness.ts";
import { PANEL_INPUTS, pack, weightsOf } from "./packing.ts";

interface Product {
  tokens: number;
  outputs: number;
  inputs: number;
  yStride: number;
  xStride: number;
  accumulate: boolean;
}

function project(
  y: Float32Array,
  x: Float32Array,
  codes: Uint8Array,
  scales: Float32Array,
  shape: Product,
): Float32Array {
  const { tokens, outputs, inputs, yStride, xStride, accumulate } = shape;
  return onBench((bench) => {
    const out = bench.output(y);
    const [xAt, codesAt, scalesAt] = [bench.input(x).address, bench.input(codes).address, bench.input(scales).address];
    const scratch = bench.scratch(kernels.ternaryScratchBytes(outputs, inputs) >>> 0);
    const each = outputs / scales.length;
    kernels.ternaryForward(
      out.address,
      yStride,
      xAt,
      xStride,
      codesAt,
      scalesAt,
      each,
      tokens,
      outputs,
      inputs,
      accumulate,
      scratch,
    );
    return out.read();
  });
}

const products = fc.record({
  tokens: fc.oneof(fc.constant(0), size(), fc.constantFrom(15, 19, 20, 21, 33)),
  outputs: size(),
  inputs: size(70),
  stack: fc.integer({ min: 1, max: 3 }),
  gap: fc.constantFrom(0, 3),
  accumulate: fc.boolean(),
  seed,
});

// the sums of a token: four tables (2 additions), their sum (2), one addition a panel, then scale and accumulate
const roundings = (inputs: number) => Math.ceil(inputs / PANEL_INPUTS) + 7;

describe("ternaryForward", () => {
  test("agrees with the product of the latent weights, quantised, in float64", () => {
    fc.assert(
      fc.property(products, ({ stack, gap, seed, ...rest }) => {
        const { tokens, inputs, accumulate } = rest;
        const uniform = uniforms(seed);
        const each = rest.outputs;
        const outputs = each * stack;
        const shape = { ...rest, outputs, yStride: outputs + gap, xStride: inputs + gap };
        const { yStride, xStride } = shape;
        const scales = spread(uniform, stack).map(Math.abs);
        const weights = Array.from(scales, (scale) => weightsOf(uniform, each * inputs, scale));
        const x = spread(uniform, tokens * xStride);
        const y = spread(uniform, tokens * yStride);
        const [{ codes }] = pack(weights, each, inputs, scales);
        const latent = new Float32Array(weights.flatMap((matrix) => [...matrix]));
        const naive = (of: (values: Float32Array) => Float64Array) =>
          onBench((bench) => {
            const out = bench.output(of(y));
            const [xAt, wAt, sAt] = [of(x), of(latent), of(scales)].map((values) => bench.input(values).address);
            kernels.naiveTernaryForward(
              out.address,
              yStride,
              xAt,
              xStride,
              wAt,
              sAt,
              each,
              tokens,
              outputs,
              inputs,
              accumulate,
            );
            return out.read();
          });
        const terms = naive(magnitudes);
        const actual = project(y, x, codes, scales, shape);
        expectClose(actual, naive(wide), (i) => (i % yStride < outputs ? roundings(inputs) * EPS * terms[i] : 0));
      }),
      { numRuns: 200 },
    );
  });

  test("with the transposed packing is the gradient to the input", () => {
    fc.assert(
      fc.property(products, ({ gap, seed, tokens, outputs, inputs, accumulate }) => {
        const uniform = uniforms(seed);
        const scales = spread(uniform, 1).map(Math.abs);
        const weights = weightsOf(uniform, outputs * inputs, scales[0]);
        const [dyStride, dxStride] = [outputs + gap, inputs + gap];
        const dy = spread(uniform, tokens * dyStride);
        const dx = spread(uniform, tokens * dxStride);
        const [{ codesT }] = pack([weights], outputs, inputs, scales);
        const naive = (of: (values: Float32Array) => Float64Array) =>
          onBench((bench) => {
            const out = bench.output(of(dx));
            const [dyAt, wAt] = [of(dy), of(weights)].map((values) => bench.input(values).address);
            kernels.naiveTernaryBackward(
              out.address,
              dxStride,
              dyAt,
              dyStride,
              wAt,
              scales[0],
              tokens,
              outputs,
              inputs,
              accumulate,
            );
            return out.read();
          });
        const terms = naive(magnitudes);
        const shape = { tokens, outputs: inputs, inputs: outputs, yStride: dxStride, xStride: dyStride, accumulate };
        const actual = project(dx, dy, codesT, scales, shape);
        expectClose(actual, naive(wide), (i) => (i % dxStride < inputs ? roundings(outputs) * EPS * terms[i] : 0));
      }),
      { numRuns: 150 },
    );
  });

  test("gives a token the same bits, whatever the number of tokens in the call", () => {
    fc.assert(
      fc.property(size(), size(), size(70), fc.boolean(), seed, (tokens, outputs, inputs, accumulate, seed) => {
        const uniform = uniforms(seed);
        const scales = Float32Array.of(0.7);
        const [{ codes }] = pack([weightsOf(uniform, outputs * inputs, 0.7)], outputs, inputs, scales);
        const x = evenly(uniform, tokens * inputs, -3, 3);
        const y = evenly(uniform, tokens * outputs, -3, 3);
        const shape = { tokens, outputs, inputs, yStride: outputs, xStride: inputs, accumulate };
        const all = project(y, x, codes, scales, shape);
        const rows = (values: Float32Array, width: number, from: number, to: number) =>
          values.subarray(from * width, to * width);
        const cut = 1 + Math.floor(uniform() * tokens);
        for (let from = 0; from < tokens; from += cut) {
          const to = Math.min(tokens, from + cut);
          const part = project(rows(y, outputs, from, to), rows(x, inputs, from, to), codes, scales, {
            ...shape,
            tokens: to - from,
          });
          expectSameBits(part, rows(all, outputs, from, to));
        }
      }),
      { numRuns: 100 },
    );
  });

  test("keeps a token that is not a number to itself", () => {
    const uniform = uniforms(3);
    const [tokens, outputs, inputs] = [21, 9, 20];
    const scales = Float32Array.of(1);
    const [{ codes }] = pack([weightsOf(uniform, outputs * inputs, 1)], outputs, inputs, scales);
    const x = evenly(uniform, tokens * inputs, -3, 3);
    const shape = { tokens, outputs, inputs, yStride: outputs, xStride: inputs, accumulate: false };
    const expected = project(new Float32Array(tokens * outputs), x, codes, scales, shape);
    for (const broken of [0, 7, 20]) {
      const y = project(
        new Float32Array(tokens * outputs),
        x.map((v, i) => (Math.floor(i / inputs) === broken ? NaN : v)),
        codes,
        scales,
        shape,
      );
      for (let t = 0; t < tokens; t++) {
        if (t !== broken)
          expectSameBits(y.slice(t * outputs, (t + 1) * outputs), expected.slice(t * outputs, (t + 1) * outputs));
      }
    }
  });
});
