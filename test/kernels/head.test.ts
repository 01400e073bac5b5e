import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { evenly, expectClose, expectSameBits, kernels, onBench, seed, size, spread, uniforms } from "./harness.ts";

const rowBytes = (width: number) => kernels.rowStride(width) >>> 0;
const range = (count: number) => Array.from({ length: count }, (_, i) => i);

interface Quantized {
  codes: Int8Array;
  scales: Float32Array;
}

function quantizeRows(x: Float32Array, rows: number, width: number): Quantized {
  return onBench((bench) => {
    const codes = bench.output(new Int8Array(rows * rowBytes(width)).fill(99));
    const scales = bench.output(new Float32Array(rows));
    kernels.quantizeRows(codes.address, scales.address, bench.input(x).address, rows, width);
    return { codes: codes.read(), scales: scales.read() };
  });
}

function quantizeTokens(x: Float32Array, T: number, width: number, stride: number): Quantized {
  return onBench((bench) => {
    const codes = bench.output(new Int8Array(((width + 15) & ~15) * stride));
    const scales = bench.output(new Float32Array(T));
    kernels.quantizeTokens(codes.address, stride, scales.address, bench.input(x).address, width, T, width);
    return { codes: codes.read(), scales: scales.read() };
  });
}

describe("quantizeRows", () => {
  test("gives the numbers of quantizeTokens, a token a row, and 0 after the last", () => {
    fc.assert(
      fc.property(size(20), size(70), seed, (rows, width, seed) => {
        const x = spread(uniforms(seed), rows * width);
        if (seed % 2) x.fill(0, 0, width);
        const stride = kernels.slotStride(rows) >>> 0;
        const byRow = quantizeRows(x, rows, width);
        const byToken = quantizeTokens(x, rows, width, stride);
        expectSameBits(byRow.scales, byToken.scales);
        for (let r = 0; r < rows; r++) {
          const row = byRow.codes.subarray(r * rowBytes(width), (r + 1) * rowBytes(width));
          expect([...row]).toEqual(range(rowBytes(width)).map((c) => (c < width ? byToken.codes[c * stride + r] : 0)));
        }
      }),
    );
  });

  test("shows a NaN in the scale", () => {
    expect(quantizeRows(Float32Array.of(1, Number.NaN, 2), 1, 3).scales[0]).toBeNaN();
  });
});

/** A head with random numbers: quantised embedding and hidden vectors as the kernels take them. */
function randomHead(seed: number, T: number, V: number, D: number) {
  const uniform = uniforms(seed);
  const hidden = spread(uniform, T * D, 3, 2);
  const embed = spread(uniform, V * D, 1, 2);
  const targets = Int32Array.from({ length: T }, () => Math.floor(uniform() * V));
  return {
    hidden,
    targets,
    rows: quantizeRows(hidden, T, D),
    embed: quantizeRows(embed, V, D),
  };
}

type Head = ReturnType<typeof randomHead>;

/** What a row of quantised numbers stands for. */
function numberAt({ codes, scales }: Quantized, row: number, column: number, width: number): number {
  return codes[row * rowBytes(width) + column] * scales[row];
}

/** p[t][v] of the quantised head, in float64. */
function probabilitiesOf({ rows, embed }: Head, T: number, V: number, D: number): number[][] {
  return range(T).map((t) => {
    const logits = range(V).map((v) =>
      range(D).reduce((sum, d) => sum + numberAt(embed, v, d, D) * numberAt(rows, t, d, D), 0),
    );
    const top = Math.max(...logits);
    const sum = logits.reduce((total, logit) => total + Math.exp(logit - top), 0);
    return logits.map((logit) => Math.exp(logit - top) / sum);
  });
}

function logitsOf({ hidden, embed }: Head, from: number, T: number, V: number, D: number): Float32Array {
  return onBench((bench) => {
    const out = bench.output(new Float32Array(T * V));
    kernels.intLogitsForward(
      out.address,
      bench.input(hidden.subarray(from * D, (from + T) * D)).address,
      bench.input(embed.codes).address,
      bench.input(embed.scales).address,
      T,
      V,
      D,
      bench.scratch(kernels.intLogitsScratchBytes(V, D) >>> 0),
    );
    return out.read();
  });
}

const heads = fc.record({
  T: fc.oneof(size(12), fc.constantFrom(8, 31, 33)),
  V: fc.oneof(fc.constant(2), size(30), fc.constantFrom(63, 64, 65, 130)),
  D: size(40),
  seed,
});

describe("intLogitsForward", () => {
  test("gives a token the same bits alone and among others", () => {
    const wider = fc.record({
      T: fc.integer({ min: 2, max: 34 }),
      V: size(30),
      D: fc.oneof(size(40), fc.constant(530)),
      seed,
    });
    fc.assert(
      fc.property(wider, ({ T, V, D, seed }) => {
        const head = randomHead(seed, T, V, D);
        const together = logitsOf(head, 0, T, V, D);
        for (const t of [0, T >> 1, T - 1]) {
          expectSameBits(logitsOf(head, t, 1, V, D), together.subarray(t * V, (t + 1) * V));
        }
      }),
    );
  });

  test("is the product of what the quantised numbers stand for", () => {
    fc.assert(
      fc.property(heads, ({ T, V, D, seed }) => {
        const head = randomHead(seed, T, V, D);
        const expected = range(T * V).map((i) =>
          range(D).reduce((sum, d) => {
            return sum + numberAt(head.embed, i % V, d, D) * numberAt(head.rows, Math.floor(i / V), d, D);
          }, 0),
        );
        expectClose(logitsOf(head, 0, T, V, D), expected, (i) => 3e-7 * Math.abs(expected[i]) + 1e-13);
      }),
    );
  });
});

describe("headLossBackward and headWeightGradient", () => {
  test("give the loss and its gradients to 16 bits of the largest", () => {
    const weight = 0.25;
    fc.assert(
      fc.property(heads, fc.integer({ min: 0, max: 40 }), ({ T, V, D, seed }, cut) => {
        const head = randomHead(seed, T, V, D);
        const { targets, rows, embed } = head;
        const p = probabilitiesOf(head, T, V, D);
        const dLogit = (t: number, v: number) => p[t][v] - (v === targets[t] ? 1 : 0);
        const first = Math.min(cut, V - 1);
        const before = evenly(uniforms(seed + 1), (V - first) * D, -0.01, 0.01);

        const actual = onBench((bench) => {
          const nats = bench.output(new Float64Array(T));
          const dHidden = bench.output(new Float32Array(T * D));
          const dE = bench.output(before);
          const tops = bench.output(new Float32Array(T));
          const inverses = bench.output(new Float32Array(T));
          const q = bench.input(rows.codes).address;
          const tokenScales = bench.input(rows.scales).address;
          const [codes, scales] = [bench.input(embed.codes).address, bench.input(embed.scales).address];
          const ids = bench.input(targets).address;
          const scratch = bench.scratch(
            Math.max(kernels.headLossScratchBytes(V, D) >>> 0, kernels.headGradientScratchBytes(D) >>> 0),
          );
          kernels.headLossBackward(
            dHidden.address,
            nats.address,
            tops.address,
            inverses.address,
            q,
            tokenScales,
            codes,
            scales,
            ids,
            T,
            V,
            D,
            weight,
            scratch,
          );
          kernels.headWeightGradient(
            dE.address,
            codes + first * rowBytes(D),
            scales + first * 4,
            first,
            V - first,
            q,
            tokenScales,
            tops.address,
            inverses.address,
            ids,
            T,
            D,
            weight,
            true,
            scratch,
          );
          return { nats: nats.read(), dHidden: dHidden.read(), dE: dE.read() };
        });

        expectClose(
          actual.nats,
          range(T).map((t) => -Math.log(p[t][targets[t]])),
          () => 2e-5,
          "nats",
        );
        // for each addend half a step of the 16 bits, and 1e-4 of a probability for float32 logits, which may be large
        const rounding = (largest: number, scale: number, addends: number) =>
          weight * 127 * addends * ((0.51 / 32767) * largest + 1e-4 * scale);
        expectClose(
          actual.dHidden,
          range(T * D).map((i) => {
            const [t, d] = [Math.floor(i / D), i % D];
            return weight * range(V).reduce((sum, v) => sum + dLogit(t, v) * numberAt(embed, v, d, D), 0);
          }),
          (i) => {
            const t = Math.floor(i / D);
            const largest = Math.max(...range(V).map((v) => Math.abs(dLogit(t, v)) * embed.scales[v]));
            return rounding(largest, Math.max(...embed.scales), V);
          },
          "dHidden",
        );
        expectClose(
          actual.dE,
          range((V - first) * D).map((i) => {
            const [v, d] = [first + Math.floor(i / D), i % D];
            return before[i] + weight * range(T).reduce((sum, t) => sum + dLogit(t, v) * numberAt(rows, t, d, D), 0);
          }),
          (i) => {
            const v = first + Math.floor(i / D);
            const largest = Math.max(...range(T).map((t) => Math.abs(dLogit(t, v)) * rows.scales[t]));
            return rounding(largest, Math.max(...rows.scales), T) + 1e-8;
          },
          "dE",
        );
      }),
      { numRuns: 60 },
    );
  });
});
