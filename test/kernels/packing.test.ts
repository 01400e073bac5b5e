import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectClose, expectSameBits, kernels, onBench, seed, size, uniforms, wide } from "./harness.ts";
import { codeBytes, pack, weightsOf } from "./packing.ts";

function quantise(weights: Float32Array, scale: number): Float64Array {
  return onBench((bench) => {
    const q = bench.output(new Float64Array(weights.length));
    kernels.naiveQuantiseArray(q.address, bench.input(wide(weights)).address, scale, weights.length);
    return q.read();
  });
}

function unpack(codes: Uint8Array, total: number, first: number, outputs: number, inputs: number): Float64Array {
  return onBench((bench) => {
    const q = bench.output(new Float64Array(outputs * inputs));
    kernels.naiveUnpack(q.address, bench.input(codes).address, total, first, outputs, inputs);
    return q.read();
  });
}

function transpose(matrix: Float64Array, rows: number, columns: number): Float64Array {
  return matrix.map((_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]);
}

describe("codesAreValid", () => {
  test("finds any one code of 3, and any for an input past the last, in its rows alone", () => {
    fc.assert(
      fc.property(size(40), size(40), size(3), fc.nat(), fc.nat(), seed, (outputs, inputs, stack, which, at, seed) => {
        const weights = Array.from({ length: stack }, () => weightsOf(uniforms(seed), outputs * inputs, 0.5));
        const [{ codes }] = pack(weights, outputs, inputs, new Float32Array(stack).fill(0.5));
        const valid = () =>
          onBench((bench) => {
            const { address } = bench.input(codes);
            return weights.map((_, i) => kernels.codesAreValid(address, outputs * stack, i * outputs, outputs, inputs));
          }).map(Boolean);
        expect(valid()).not.toContain(false);
        const damaged = which % stack;
        // any pair of bits of that matrix, there or past the last input
        const input = at % (16 * Math.ceil(inputs / 16));
        const row = damaged * outputs + (at % outputs);
        const byte = (Math.floor(input / 16) * outputs * stack + row) * 4 + Math.floor((input % 16) / 4);
        codes[byte] |= (input < inputs ? 3 : 1 + (which % 3)) << (2 * (input % 4));
        expect(valid()).toEqual(weights.map((_, i) => i !== damaged));
      }),
      { numRuns: 300 },
    );
  });
});

describe("packTernary", () => {
  test("quantises as the naive sibling does, in both orientations, stacked", () => {
    fc.assert(
      fc.property(size(70), size(70), fc.integer({ min: 1, max: 3 }), seed, (outputs, inputs, stack, seed) => {
        const uniform = uniforms(seed);
        // powers of two keep the halves exact
        const scales = Float32Array.from({ length: stack }, (_, i) =>
          uniform() < 0.5 ? 2 ** (i - 3) : 0.01 + uniform(),
        );
        const weights = Array.from(scales, (scale) => weightsOf(uniform, outputs * inputs, scale));
        pack(weights, outputs, inputs, scales).forEach(({ codes, codesT }, i) => {
          const q = quantise(weights[i], scales[i]).map((value) => value + 0); // no -0, which codes do not have
          expectSameBits(unpack(codes, outputs * stack, i * outputs, outputs, inputs), q, "codes");
          expectSameBits(transpose(unpack(codesT, inputs, 0, inputs, outputs), inputs, outputs), q, "codesT");
        });
      }),
      { numRuns: 150 },
    );
  });

  test("rounds halves to even: 0.5 to 0, 1.5 past the clamp to 1", () => {
    const weights = Float32Array.of(0.25, -0.25, 0.75, -0.75, 0.25 + 2 ** -25, -0.25 - 2 ** -25, 0.5, -5);
    const [{ codes }] = pack([weights], 1, 8, Float32Array.of(0.5));
    expectSameBits(unpack(codes, 1, 0, 1, 8), Float64Array.of(0, 0, 1, -1, 1, -1, 1, -1));
  });

  test("gives the same bytes by ranges of rows", () => {
    fc.assert(
      fc.property(fc.integer({ min: 17, max: 80 }), size(40), fc.nat(), seed, (outputs, inputs, cut, seed) => {
        const weights = weightsOf(uniforms(seed), outputs * inputs, 0.5);
        const [whole] = pack([weights], outputs, inputs, Float32Array.of(0.5));
        const first = 16 * (1 + (cut % Math.floor((outputs - 1) / 16)));
        onBench((bench) => {
          const codes = bench.output(new Uint8Array(codeBytes(outputs, inputs)));
          const codesT = bench.output(new Uint8Array(codeBytes(inputs, outputs)));
          // the later range first: order is nobody's promise
          for (const [row, end] of [
            [first, outputs],
            [0, first],
          ]) {
            const at = bench.input(weights.subarray(row * inputs, end * inputs)).address;
            kernels.packTernary(codes.address, outputs, 0, codesT.address, inputs, at, row, end - row, 0.5);
          }
          expectSameBits(codes.read(), whole.codes, "codes");
          expectSameBits(codesT.read(), whole.codesT, "codesT");
        });
      }),
      { numRuns: 60 },
    );
  });

  test("overwrites the codes of other weights completely", () => {
    fc.assert(
      fc.property(size(40), size(40), seed, (outputs, inputs, seed) => {
        const uniform = uniforms(seed);
        const [before, after] = [0, 1].map(() => weightsOf(uniform, outputs * inputs, 0.5));
        const [fresh] = pack([after], outputs, inputs, Float32Array.of(0.5));
        onBench((bench) => {
          const codes = bench.output(new Uint8Array(codeBytes(outputs, inputs)));
          const codesT = bench.output(new Uint8Array(codeBytes(inputs, outputs)));
          for (const weights of [before, after]) {
            const at = bench.input(weights).address;
            kernels.packTernary(codes.address, outputs, 0, codesT.address, inputs, at, 0, outputs, 0.5);
          }
          expectSameBits(codes.read(), fresh.codes, "codes");
          expectSameBits(codesT.read(), fresh.codesT, "codesT");
        });
      }),
      { numRuns: 40 },
    );
  });

  test("takes the scale max(mean|W|, 1e-5)", () => {
    expectClose(
      [kernels.ternaryScale(3, 4), kernels.ternaryScale(0, 4), kernels.ternaryScale(1e-3, 1000)],
      [0.75, 1e-5, 1e-5],
      () => 1e-12,
    );
  });
});
