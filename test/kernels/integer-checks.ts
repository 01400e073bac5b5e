import fc from "fast-check";
import { evenly, expectSameBits, seed, size, type TestModule, uniforms } from "./harness.ts";
import { pack } from "./packing.ts";

/**
 * The fast integer kernels against their naive siblings, to the bit, over random shapes and at the ends of the range:
 * plain functions that throw, for any module and any runtime (integer.test.ts, ../runtimes/kernels.mjs).
 */

/** Random numbers of the range, or only its ends: the upper one, the lower one, or both at random. */
type Kind = "any" | "top" | "bottom" | "both";
const kinds = fc.constantFrom<Kind[]>("any", "any", "top", "bottom", "both");

/** Depth of an exact sum of a product; from block to block it goes on in float32. */
const DEPTH_BLOCK = 512;

/** By the kernel's name: throws unless the module's kernel agrees with its sibling. */
export const integerChecks: Readonly<Record<string, (module: TestModule) => void>> = {
  intTernaryForward,
  intWeightGradient,
  intProduct,
};

function intTernaryForward(module: TestModule): void {
  const { kernels, onBench } = module;
  const stride = strideOf(module);
  const shapes = fc.record({
    tokens: fc.oneof(fc.constant(0), size(), fc.constantFrom(8, 9, 31, 32, 33, 40, 41)),
    outputs: size(30),
    // past 256 inputs int16 sums are full, and move on
    inputs: fc.oneof(size(70), fc.constantFrom(255, 256, 257, 600)),
    stack: fc.integer({ min: 1, max: 3 }),
    accumulate: fc.boolean(),
    kind: kinds,
    seed,
  });
  fc.assert(
    fc.property(shapes, ({ tokens, outputs, inputs, stack, accumulate, kind, seed }) => {
      const uniform = uniforms(seed);
      const all = outputs * stack;
      const weights = Array.from({ length: stack }, () =>
        Float32Array.from(wholes(uniform, outputs * inputs, 1, kind === "bottom" ? "top" : kind)),
      );
      const [{ codes }] = pack(weights, outputs, inputs, new Float32Array(stack).fill(1), module);
      const q = wholes(uniform, inputs * tokens, 127, kind);
      const scales = evenly(uniform, stack, 0.1, 2);
      const tokenScales = evenly(uniform, tokens, 0.1, 2);
      const before = evenly(uniform, tokens * all, -1, 1);

      const totals = onBench((bench) => {
        const out = bench.output(new Float64Array(tokens * all));
        const w = bench.input(Float64Array.from(weights.flatMap((matrix) => [...matrix])));
        kernels.naiveIntTernaryForward(out.address, w.address, bench.input(q).address, tokens, all, inputs);
        return out.read();
      });
      const expected = before.map((y, i) => {
        const scaled = Math.fround(scales[Math.floor((i % all) / outputs)] * totals[i]);
        const value = Math.fround(scaled * tokenScales[Math.floor(i / all)]);
        return accumulate ? y + value : value;
      });
      const actual = onBench((bench) => {
        const y = bench.output(before);
        const x = bench.input(padded(q, inputs, tokens, stride(tokens), [77, 77], Math.ceil(inputs / 16) * 16));
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
}

/** Whole, and by rows. */
function intWeightGradient(module: TestModule): void {
  const { kernels, onBench } = module;
  const stride = strideOf(module);
  const shapes = fc.record({
    tokens: fc.oneof(fc.constant(0), size(70), fc.constantFrom(511, 512, 513, 1100)),
    outputs: fc.oneof(size(20), fc.constantFrom(63, 64, 65, 130)),
    inputs: size(20),
    accumulate: fc.boolean(),
    kinds: fc.tuple(kinds, kinds),
    seed,
  });
  fc.assert(
    fc.property(shapes, fc.nat(), ({ tokens, outputs, inputs, accumulate, kinds, seed }, cut) => {
      const uniform = uniforms(seed);
      const dyq = wholes(uniform, outputs * tokens, 63, kinds[0]);
      const xq = wholes(uniform, inputs * tokens, 127, kinds[1]);
      const scales = evenly(uniform, outputs, 0.1, 2);
      const before = evenly(uniform, outputs * inputs, -1, 1);
      const expected = inBlocks(tokens, { scales, before, accumulate }, (from, to) =>
        onBench((bench) => {
          const out = bench.output(new Float64Array(outputs * inputs));
          const dy = bench.input(columnsOf(dyq, tokens, from, to)).address;
          const x = bench.input(columnsOf(xq, tokens, from, to)).address;
          kernels.naiveIntWeightGradient(out.address, dy, x, to - from, outputs, inputs);
          return out.read();
        }),
      );
      const run = (cuts: readonly number[]) =>
        onBench((bench) => {
          const dW = bench.output(before);
          const dy = bench.input(padded(dyq, outputs, tokens, stride(tokens), [0, 99]));
          const x = bench.input(padded(xq, inputs, tokens, stride(tokens), [77, -128]));
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
}

function intProduct({ kernels, onBench }: TestModule): void {
  const shapes = fc.record({
    rows: size(9),
    columns: size(40),
    depth: fc.oneof(size(70), fc.constantFrom(511, 512, 513, 1100)),
    accumulate: fc.boolean(),
    transposed: fc.boolean(),
    kinds: fc.tuple(kinds, kinds),
    seed,
  });
  fc.assert(
    fc.property(shapes, ({ rows, columns, depth, accumulate, transposed, kinds, seed }) => {
      const uniform = uniforms(seed);
      const a = wholes(uniform, rows * depth, 32767, kinds[0]);
      const b = wholes(uniform, depth * columns, 127, kinds[1]);
      const scales = evenly(uniform, rows, 0.1, 2);
      const before = evenly(uniform, rows * columns, -1, 1);
      const expected = inBlocks(depth, { scales, before, accumulate }, (from, to) =>
        onBench((bench) => {
          const out = bench.output(new Float64Array(rows * columns));
          const left = bench.input(columnsOf(a, depth, from, to)).address;
          const right = bench.input(b.subarray(from * columns, to * columns)).address;
          kernels.naiveIntProduct(out.address, left, right, rows, columns, to - from);
          return out.read();
        }),
      );
      const aStride = (depth + 3) & ~1;
      const bStride = (((transposed ? depth : columns) + 15) & ~15) + 16;
      const actual = onBench((bench) => {
        const c = bench.output(before);
        const wideA = new Int16Array(rows * aStride).fill(transposed ? 0 : -32768);
        const wideB = new Int8Array(transposed ? columns * bStride : depth * bStride).fill(-128);
        for (let m = 0; m < rows; m++) wideA.set(a.subarray(m * depth, (m + 1) * depth), m * aStride);
        for (let i = 0; i < b.length; i++) {
          const [k, n] = [Math.floor(i / columns), i % columns];
          wideB[transposed ? n * bStride + k : k * bStride + n] = b[i];
        }
        kernels.intProduct(
          c.address,
          columns,
          bench.input(wideA).address,
          aStride,
          bench.input(scales).address,
          bench.input(wideB).address,
          bStride,
          transposed,
          rows,
          columns,
          depth,
          accumulate,
          bench.scratch(kernels.intProductScratchBytes() >>> 0),
        );
        return c.read();
      });
      expectSameBits(actual, expected);
    }),
    { numRuns: 150 },
  );
}

const strideOf =
  ({ kernels }: TestModule) =>
  (tokens: number) =>
    kernels.slotStride(tokens) >>> 0;

/** Whole numbers in [-most, most]. */
function wholes(uniform: () => number, count: number, most: number, kind: Kind): Float64Array {
  return Float64Array.from({ length: count }, () => {
    if (kind === "any") return Math.round((2 * uniform() - 1) * most);
    return kind === "top" || (kind === "both" && uniform() < 0.5) ? most : -most;
  });
}

/** What the definition makes of exact sums of 512 at a time: each rescaled in float32, one after the other added. */
function inBlocks(
  depth: number,
  { scales, before, accumulate }: { scales: Float32Array; before: Float32Array; accumulate: boolean },
  totalsOf: (from: number, to: number) => Float64Array,
): Float32Array {
  const columns = before.length / scales.length;
  const result = accumulate ? before.slice() : new Float32Array(before.length);
  for (let from = 0; from < depth; from += DEPTH_BLOCK) {
    const totals = totalsOf(from, Math.min(from + DEPTH_BLOCK, depth));
    totals.forEach((total, i) => {
      const value = Math.fround(scales[Math.floor(i / columns)] * Math.fround(total));
      result[i] = accumulate || from > 0 ? result[i] + value : value;
    });
  }
  return result;
}

/** Columns of a row-major matrix. */
function columnsOf(matrix: Float64Array, width: number, from: number, to: number): Float64Array {
  const rows = width === 0 ? 0 : matrix.length / width;
  const count = to - from;
  return Float64Array.from(
    { length: rows * count },
    (_, i) => matrix[Math.floor(i / count) * width + from + (i % count)],
  );
}

/** Bytes of rows of tokens, as a kernel reads them: one filler up to a multiple of 8 tokens, another up to the stride. */
function padded(
  values: Float64Array,
  rows: number,
  tokens: number,
  stride: number,
  [near, far]: readonly [number, number],
  readable = rows,
): Int8Array {
  const out = new Int8Array(readable * stride).fill(far);
  for (let row = 0; row < readable; row++) {
    out.fill(near, row * stride, row * stride + Math.ceil(tokens / 8) * 8);
    if (row < rows) out.set(values.subarray(row * tokens, (row + 1) * tokens), row * stride);
  }
  return out;
}
