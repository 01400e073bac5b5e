import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  byDifferences,
  EPS,
  evenly,
  expectClose,
  expectSameBits,
  kernels,
  naively,
  onBench,
  run,
  seed,
  size,
  spread,
  uniforms,
  wide,
} from "./harness.ts";

const shapes = fc.record({
  T: fc.oneof(fc.constant(0), size(12)),
  V: fc.oneof(size(), fc.constant(1030)),
  top: fc.constantFrom(0.1, 5, 120, 1e4),
  seed,
});

// exp is 0 below -80, where e^-80 < 2e-35
const VANISHED = 2e-35;

function example({ T, V, top, seed }: { T: number; V: number; top: number; seed: number }) {
  const uniform = uniforms(seed);
  const logits = spread(uniform, T * V, top);
  const targets = Int32Array.from({ length: T }, () => Math.floor(uniform() * V));
  const tops = Array.from({ length: T }, (_, t) => Math.max(...logits.subarray(t * V, (t + 1) * V)));
  return { logits, targets, tops };
}

describe("crossEntropy", () => {
  test("forward agrees with the naive sibling", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const { T, V } = shape;
        const { logits, targets } = example(shape);
        const inputs = [logits, targets];
        const [actual] = run(kernels.crossEntropyForward, [new Float64Array(T)], inputs, T, V);
        const [expected] = run(kernels.naiveCrossEntropyForward, [new Float64Array(T)], naively(inputs), T, V);
        // e^-d is good to (3 + d) eps, and e^-d d to 0.37 eps; everything after it is float64
        expectClose(actual, expected, (t) => 4 * EPS + 1e-14 * expected[t]);
      }),
      { numRuns: 150 },
    );
  });

  test("backward agrees with the naive sibling, and gives the nats of the forward to the bit", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const { T, V } = shape;
        const { logits, targets, tops } = example(shape);
        const weight = Math.fround(1 / 7);
        const nats = new Float64Array(T);
        const outputs: (Float32Array | Float64Array)[] = [nats, logits];
        const [natsActual, actual] = run(kernels.crossEntropyBackward, outputs, [targets], T, V, weight);
        const [, expected] = run(kernels.naiveCrossEntropyBackward, [nats, wide(logits)], [targets], T, V, weight);
        expectSameBits(natsActual, run(kernels.crossEntropyForward, [nats], [logits, targets], T, V)[0], "nats");
        expectClose(actual, expected, (i) => {
          const t = Math.floor(i / V);
          const hit = i % V === targets[t] ? weight : 0;
          const below = tops[t] - logits[i];
          return EPS * (Math.abs(expected[i] + hit) * (below + 8) + 2 * hit) + VANISHED;
        });
      }),
      { numRuns: 150 },
    );
  });

  test("the naive backward is the naive forward's slope", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 6 }), seed, (T, V, seed) => {
        const { logits, targets } = example({ T, V, top: 3, seed });
        const x = wide(logits);
        const forward = (v: Float64Array) =>
          run(kernels.naiveCrossEntropyForward, [new Float64Array(T)], [v, targets], T, V)[0];
        const [, dx] = run(kernels.naiveCrossEntropyBackward, [new Float64Array(T), x], [targets], T, V, 0.25);
        expectClose(dx, byDifferences(forward, x, new Float64Array(T).fill(0.25)), () => 1e-8);
      }),
      { numRuns: 30 },
    );
  });

  test("a logit that is not a number makes the nats of its token not a number, and of no other", () => {
    const logits = evenly(uniforms(9), 3 * 7, -1, 1);
    logits[7 + 5] = NaN;
    const [nats] = run(kernels.crossEntropyForward, [new Float64Array(3)], [logits, Int32Array.of(0, 1, 2)], 3, 7);
    expect([...nats].map(Number.isNaN)).toEqual([false, true, false]);
  });
});

describe("softmax", () => {
  test("agrees with the naive sibling at any temperature, sums to 1 and may run in place", () => {
    fc.assert(
      fc.property(shapes, fc.constantFrom(0.1, 0.8, 1, 3), ({ V, top, seed }, heat) => {
        const { logits, tops } = example({ T: 1, V, top, seed });
        const temperature = Math.fround(heat);
        const out = new Float32Array(V).fill(NaN);
        const [actual] = run(kernels.softmaxForward, [out], [logits], temperature, V);
        const [expected] = run(kernels.naiveSoftmaxForward, [wide(out)], naively([logits]), temperature, V);
        // the exponent d is rounded twice
        const distance = (v: number) => (tops[0] - logits[v]) / temperature;
        expectClose(actual, expected, (v) => EPS * expected[v] * (2 * distance(v) + 8) + VANISHED);
        expectClose([actual.reduce((sum, p) => sum + p, 0)], [1], () => 4 * EPS);
        const inPlace = onBench((bench) => {
          const block = bench.output(logits);
          kernels.softmaxForward(block.address, block.address, temperature, V);
          return block.read();
        });
        expectSameBits(inPlace, actual);
      }),
      { numRuns: 150 },
    );
  });
});
