import fc from "fast-check";
import { describe, test } from "vitest";
import {
  EPS,
  expectClose,
  expectSameBits,
  kernels,
  magnitudes,
  naively,
  run,
  seed,
  size,
  spread,
  uniforms,
  wide,
} from "./harness.ts";

const shapes = fc.record({ T: fc.oneof(fc.constant(0), size()), V: size(12), width: size(), seed });

function example({ T, V, width, seed }: { T: number; V: number; width: number; seed: number }) {
  const uniform = uniforms(seed);
  const ids = Int32Array.from({ length: T }, () => Math.floor(uniform() * V));
  return { ids, table: spread(uniform, V * width), rows: spread(uniform, T * width), uniform };
}

describe("embedding", () => {
  test("forward copies rows", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const { ids, table } = example(shape);
        const out = new Float32Array(shape.T * shape.width).fill(NaN);
        const [x] = run(kernels.embeddingForward, [out], [table, ids], shape.T, shape.width);
        const [exact] = run(kernels.naiveEmbeddingForward, [wide(out)], naively([table, ids]), shape.T, shape.width);
        expectSameBits(x, Float32Array.from(exact));
      }),
    );
  });

  test("backward adds the rows of a range of the vocabulary, and of no other", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const { T, V, width } = shape;
        const { ids, table, rows, uniform } = example(shape);
        const first = Math.floor(uniform() * V);
        const count = Math.floor(uniform() * (V - first + 1));
        const numbers = [T, width, first, count];
        const [actual] = run(kernels.embeddingBackward, [table], [rows, ids], ...numbers);
        const [expected, terms] = [wide, magnitudes].map(
          (of) => run(kernels.naiveEmbeddingBackward, [of(table)], naively([rows, ids], of), ...numbers)[0],
        );
        // a rounding for every token added; a row outside the range is untouched
        const inside = (i: number) => i >= first * width && i < (first + count) * width;
        expectClose(actual, expected, (i) => (inside(i) ? T * EPS * terms[i] : 0));
      }),
      { numRuns: 150 },
    );
  });

  test("backward gives the same bits by ranges, whoever takes them", () => {
    fc.assert(
      fc.property(shapes, fc.nat(), (shape, cut) => {
        const { T, V, width } = shape;
        const { ids, table, rows } = example(shape);
        const part = (onto: Float32Array, first: number, count: number) =>
          run(kernels.embeddingBackward, [onto], [rows, ids], T, width, first, count)[0];
        const middle = cut % (V + 1);
        expectSameBits(part(part(table, middle, V - middle), 0, middle), part(table, 0, V));
      }),
      { numRuns: 60 },
    );
  });
});
