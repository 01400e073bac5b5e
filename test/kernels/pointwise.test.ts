import fc from "fast-check";
import { describe, test } from "vitest";
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

const counts = fc.oneof(fc.constant(0), size(100));

describe("reluSquared", () => {
  test("forward and backward agree with the naive siblings", () => {
    fc.assert(
      fc.property(counts, seed, (count, seed) => {
        const uniform = uniforms(seed);
        const [x, dy] = [spread(uniform, count), spread(uniform, count)];
        const out = new Float32Array(count).fill(NaN);
        const [y] = run(kernels.reluSquaredForward, [out], [x], count);
        const [yExpected] = run(kernels.naiveReluSquaredForward, [wide(out)], naively([x]), count);
        const [dx] = run(kernels.reluSquaredBackward, [out], [dy, x], count);
        const [dxExpected] = run(kernels.naiveReluSquaredBackward, [wide(out)], naively([dy, x]), count);
        // one product each; doubling is exact
        expectClose(y, yExpected, (i) => EPS * yExpected[i], "y");
        expectClose(dx, dxExpected, (i) => EPS * Math.abs(dxExpected[i]), "dx");
      }),
    );
  });

  test("backward may write over its dy", () => {
    const uniform = uniforms(5);
    const [x, dy] = [spread(uniform, 21), spread(uniform, 21)];
    const [apart] = run(kernels.reluSquaredBackward, [new Float32Array(21)], [dy, x], 21);
    const inPlace = onBench((bench) => {
      const d = bench.output(dy);
      kernels.reluSquaredBackward(d.address, d.address, bench.input(x).address, 21);
      return d.read();
    });
    expectSameBits(inPlace, apart);
  });

  test("the naive backward is the naive forward's slope", () => {
    const uniform = uniforms(7);
    const [x, dy] = [evenly(uniform, 50, -2, 2), evenly(uniform, 50, -1, 1)].map(wide);
    const forward = (v: Float64Array) => run(kernels.naiveReluSquaredForward, [new Float64Array(50)], [v], 50)[0];
    const [dx] = run(kernels.naiveReluSquaredBackward, [new Float64Array(50)], [dy, x], 50);
    expectClose(dx, byDifferences(forward, x, dy), () => 1e-8);
  });
});

describe("residual", () => {
  test("is the sum, rounded once, and may be written over either part", () => {
    fc.assert(
      fc.property(counts, seed, (count, seed) => {
        const uniform = uniforms(seed);
        const [a, b] = [spread(uniform, count), spread(uniform, count)];
        const [y] = run(kernels.residualForward, [new Float32Array(count)], [a, b], count);
        const [exact] = run(kernels.naiveResidualForward, [new Float64Array(count)], naively([a, b]), count);
        expectSameBits(y, Float32Array.from(exact));
        for (const over of [0, 1]) {
          const inPlace = onBench((bench) => {
            const blocks = [a, b].map((values, i) => (i === over ? bench.output(values) : bench.input(values)));
            kernels.residualForward(blocks[over].address, blocks[0].address, blocks[1].address, count);
            return blocks[over].read();
          });
          expectSameBits(inPlace, y);
        }
      }),
      { numRuns: 60 },
    );
  });
});
