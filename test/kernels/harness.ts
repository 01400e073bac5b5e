import { readFileSync } from "node:fs";
import fc from "fast-check";
import type { instantiate } from "../../wasm-build/test.js";

/** What the module of the tests exports: kernels by themselves, and their naive siblings. */
export type TestKernels = Awaited<ReturnType<typeof instantiate>>;
/** Elements that kernels read and write. */
export type Values = Float32Array | Float64Array | Int32Array | Int16Array | Int8Array | Uint8Array;

/** Half the distance between 1 and the next float32: the largest relative error of one rounding. */
export const EPS = 2 ** -24;

/** A module of the tests, on a memory of its own. */
export interface TestModule {
  readonly kernels: TestKernels;
  /** Runs `body` on an empty bench and checks guards and inputs afterwards. */
  onBench<R>(body: (bench: Bench) => R): R;
}

/** The modules of the tests by the set of kernels that is compiled for the same target. */
export const testModules = { simd: "testSimd", relaxed: "testRelaxed", single: "test" } as const;

/** Instantiates the module of the tests that is like a set of kernels. */
export function testModule(set: keyof typeof testModules): TestModule {
  const memory = new WebAssembly.Memory({ initial: 1024, maximum: 65536, shared: set !== "single" });
  const binary = readFileSync(new URL(`../../wasm-build/${testModules[set]}.wasm`, import.meta.url));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(binary), { env: { memory } });
  return {
    kernels: exports as unknown as TestKernels,
    onBench: (body) => {
      const bench = new Bench(memory);
      const result = body(bench);
      bench.check();
      return result;
    },
  };
}

const GUARD_BYTES = 72;
// as float32 a signalling NaN: who reads it shows it in the result, and who adds 0 to it in place makes it a quiet one
const GUARD = [0xff, 0xff, 0xbf, 0xff];

function fillGuard(bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = GUARD[i % 4];
}

/** An array in the kernels' memory. */
export interface Block<V extends Values> {
  readonly address: number;
  /** A copy of what the array holds now. */
  read(): V;
}

/** Places arrays in the kernels' memory, at odd addresses and between guards, and afterwards checks what must not change. */
export class Bench {
  readonly #memory: WebAssembly.Memory;
  #next = 1;
  readonly #unchanged: { address: number; bytes: Uint8Array; what: string }[] = [];

  /** @param memory the kernels'. */
  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  /** An array that the kernel only reads. */
  input<V extends Values>(values: V): Block<V> {
    const block = this.output(values);
    this.#watch(block.address, bytesOf(values).slice(), "an input was written");
    return block;
  }

  /** An array that the kernel may write, and what it holds before. */
  output<V extends Values>(values: V): Block<V> {
    const address = this.#place(values.byteLength);
    const place = new Uint8Array(this.#memory.buffer, address, values.byteLength);
    place.set(bytesOf(values));
    // what slice gives is not shared, even if the memory is
    const read = (): V => Reflect.construct(values.constructor, [place.slice().buffer]) as V;
    return { address, read };
  }

  /** Room whose contents mean nothing before or after. */
  scratch(bytes: number): number {
    const address = this.#place(bytes);
    fillGuard(new Uint8Array(this.#memory.buffer, address, bytes));
    return address;
  }

  /** Throws if a kernel wrote onto a guard or an input. */
  check(): void {
    const all = new Uint8Array(this.#memory.buffer);
    for (const { address, bytes, what } of this.#unchanged) {
      if (Buffer.compare(bytes, all.subarray(address, address + bytes.length)) === 0) continue;
      const i = bytes.findIndex((byte, at) => all[address + at] !== byte);
      throw new Error(`${what} at byte ${i} of ${bytes.length}`);
    }
  }

  #place(bytes: number): number {
    const address = this.#next + GUARD_BYTES;
    const end = address + bytes;
    if (end + GUARD_BYTES > this.#memory.buffer.byteLength) throw new Error("the bench is full");
    const all = new Uint8Array(this.#memory.buffer);
    for (const guard of [address - GUARD_BYTES, end]) {
      fillGuard(all.subarray(guard, guard + GUARD_BYTES));
      this.#watch(guard, all.slice(guard, guard + GUARD_BYTES), "a guard was written");
    }
    this.#next = (end + GUARD_BYTES) | 1;
    return address;
  }

  #watch(address: number, bytes: Uint8Array, what: string): void {
    this.#unchanged.push({ address, bytes, what });
  }
}

function bytesOf(values: Values): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The module that runs everywhere: its kernels, and a bench in its memory. */
export const { kernels, onBench } = testModule("single");

/** The same numbers in float64, for a naive sibling. */
export function wide(values: Float32Array): Float64Array {
  return Float64Array.from(values);
}

/** Their magnitudes: a naive product of these is the sum of |terms| that rounding errors are relative to. */
export function magnitudes(values: Float32Array): Float64Array {
  return Float64Array.from(values, Math.abs);
}

/** Throws unless every |actual - expected| is at most its tolerance; equal infinities and NaNs agree. */
export function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: (i: number) => number,
  what = "result",
): void {
  if (actual.length !== expected.length) throw new Error(`${what}: ${actual.length} values, not ${expected.length}`);
  for (let i = 0; i < actual.length; i++) {
    if (Object.is(actual[i], expected[i])) continue;
    const error = Math.abs(actual[i] - expected[i]);
    // written so that a NaN on either side fails
    if (error <= tolerance(i)) continue;
    throw new Error(`${what}[${i}] = ${actual[i]}, expected ${expected[i]} within ${tolerance(i)}`);
  }
}

/** Throws unless both arrays hold the same bytes. */
export function expectSameBits(actual: Values, expected: Values, what = "result"): void {
  if (actual.length !== expected.length) throw new Error(`${what}: ${actual.length} values, not ${expected.length}`);
  const a = bytesOf(actual);
  const b = bytesOf(expected);
  const i = a.findIndex((byte, at) => byte !== b[at]);
  if (i < 0) return;
  const element = Math.floor(i / actual.BYTES_PER_ELEMENT);
  throw new Error(`${what}[${element}] = ${actual[element]}, expected the bits of ${expected[element]}`);
}

/** Uniform numbers in [0, 1), the same for the same seed (mulberry32). */
export function uniforms(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Float32 of both signs, uniform in the exponent over `decades` powers of ten below `top`. */
export function spread(uniform: () => number, count: number, top = 10, decades = 4): Float32Array {
  return Float32Array.from({ length: count }, () => top * 10 ** (-decades * uniform()) * (uniform() < 0.5 ? -1 : 1));
}

/** Float32 uniform in [low, high). */
export function evenly(uniform: () => number, count: number, low: number, high: number): Float32Array {
  return Float32Array.from({ length: count }, () => low + (high - low) * uniform());
}

/** `rows` rows of `width` values, `stride` apart, `filler` between them. */
export function strided(
  values: Float32Array,
  rows: number,
  width: number,
  stride: number,
  filler: number,
): Float32Array {
  const out = new Float32Array(rows * stride).fill(filler);
  for (let row = 0; row < rows; row++) out.set(values.subarray(row * width, (row + 1) * width), row * stride);
  return out;
}

/** The gradient of sum_i outWeight[i] f(x)[i] by central differences, f in float64. */
export function byDifferences(
  f: (x: Float64Array) => Float64Array,
  x: Float64Array,
  outWeight: Float64Array,
  step = 1e-5,
): Float64Array {
  return x.map((value, i) => {
    const sides = [value + step, value - step].map((moved) => f(x.with(i, moved)));
    return outWeight.reduce((sum, weight, j) => sum + (weight * (sides[0][j] - sides[1][j])) / (2 * step), 0);
  });
}

/** A size that is no friend of vector widths, or any up to `most`. */
export function size(most = 40): fc.Arbitrary<number> {
  return fc.oneof(fc.constantFrom(1, 2, 3, 4, 5, 16, 17), fc.integer({ min: 1, max: most }));
}

/** A seed for {@link uniforms}. */
export const seed = fc.nat();

/** An array whose address is given from element `skip` on: what lies before is the row before. */
export interface Skipped<V extends Values> {
  values: V;
  skip: number;
}

/** What a kernel is given an address of: an array, part of one, or so many bytes of scratch. */
export type Operand<V extends Values> = V | Skipped<V> | { scratch: number };

/** Calls kernel(outputs.., inputs.., numbers..) and gives what the outputs then hold. */
export function run<V extends Values>(
  kernel: (...args: number[]) => unknown,
  outputs: readonly Operand<V>[],
  inputs: readonly Operand<Values>[],
  ...numbers: number[]
): V[] {
  return onBench((bench) => {
    const results: Block<V>[] = [];
    const addresses = outputs.map((operand) =>
      addressOf(operand, bench, (values) => {
        const block = bench.output(values);
        results.push(block);
        return block;
      }),
    );
    addresses.push(...inputs.map((operand) => addressOf(operand, bench, (values) => bench.input(values))));
    kernel(...addresses, ...numbers);
    return results.map((block) => block.read());
  });
}

function addressOf<V extends Values>(operand: Operand<V>, bench: Bench, place: (values: V) => Block<V>): number {
  if (isScratch(operand)) return bench.scratch(operand.scratch);
  if (!isSkipped(operand)) return place(operand).address;
  return place(operand.values).address + operand.skip * operand.values.BYTES_PER_ELEMENT;
}

function isScratch<V extends Values>(operand: Operand<V>): operand is { scratch: number } {
  return "scratch" in operand;
}

function isSkipped<V extends Values>(operand: V | Skipped<V>): operand is Skipped<V> {
  return "skip" in operand;
}

/** The operands as a naive sibling takes them: float32 widened by `of`; scratch, which it does not need, left out. */
export function naively(
  operands: readonly Operand<Values>[],
  of: (values: Float32Array) => Float64Array = wide,
): (Values | Skipped<Values>)[] {
  const widen = (values: Values): Values => (values instanceof Float32Array ? of(values) : values);
  const result: (Values | Skipped<Values>)[] = [];
  for (const operand of operands) {
    if (isScratch(operand)) continue;
    result.push(isSkipped(operand) ? { values: widen(operand.values), skip: operand.skip } : widen(operand));
  }
  return result;
}
