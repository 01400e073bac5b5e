import type { Kernels } from "../../wasm-build/kernels.ts";

/** Sums as the module has them: totals[n][k] = sum_t dyq[n][t] xq[k][t], of rows of 32 bytes, 19 tokens. */
export type Sums = (dyq: Int8Array, xq: Int8Array) => ArrayLike<number>;

/** What decides whether the module with relaxed SIMD runs. */
export interface RelaxedHost {
  /** The version of V8, where the host names one. */
  readonly v8: string | undefined;
  readonly sharedMemory: boolean;
  /** Whether the runtime takes the module. */
  validates(): boolean;
  /** Instantiates the module, for its sums. */
  instantiate(): Sums;
}

/** The first V8 that has relaxed SIMD without a flag: with it that of Node 20 takes the module, and is not to be trusted. */
const FIRST_V8 = 12;

/** A whole vector of tokens, and part of a second one. */
const TOKENS = 19;
const WRITTEN = 24;
const STRIDE = 32;
const OUTPUTS = 3;
const INPUTS = 5;

/** Why the module with relaxed SIMD cannot run on a host, in words that follow a colon; undefined if it can. */
export function relaxedObstacle(host: RelaxedHost): string | undefined {
  if (!host.sharedMemory) return "this runtime has no shared memory";
  if (Number.parseInt(host.v8 ?? "", 10) < FIRST_V8) return `V8 ${host.v8} is too old for relaxed SIMD`;
  try {
    if (!host.validates()) return "this runtime has no relaxed SIMD";
    return sumsAreExact(host.instantiate()) ? undefined : "the relaxed SIMD of this runtime gives wrong sums";
  } catch (error) {
    return `the relaxed SIMD of this runtime fails (${error instanceof Error ? error.message : error})`;
  }
}

/**
 * Whether sums are right where an engine may go wrong: at the ends of the range, where a product of another width
 * saturates, with every sign, and past the last token.
 */
export function sumsAreExact(sums: Sums): boolean {
  const dyq = rows(OUTPUTS, (n, t) => [63, -63, t % 3 === 0 ? 63 : -t][n]);
  const xq = rows(INPUTS, (k, t) => [127, -127, t % 2 === 0 ? 127 : -127, t % 4 < 2 ? -127 : 127, 6 * t - 50][k]);
  const totals = sums(dyq, xq);
  for (let n = 0; n < OUTPUTS; n++) {
    for (let k = 0; k < INPUTS; k++) {
      let total = 0;
      for (let t = 0; t < TOKENS; t++) total += dyq[n * STRIDE + t] * xq[k * STRIDE + t];
      if (totals[n * INPUTS + k] !== total) return false;
    }
  }
  return true;
}

/** The sums of a module, by its weight gradient. `memory` is the module's own, of a page; it is overwritten. */
export function sumsOf(kernels: Kernels, memory: WebAssembly.Memory): Sums {
  return (dyq, xq) => {
    const scales = 16;
    const dW = scales + OUTPUTS * 4;
    const dy = dW + OUTPUTS * INPUTS * 4;
    const x = dy + dyq.length;
    new Float32Array(memory.buffer, scales, OUTPUTS).fill(1);
    new Int8Array(memory.buffer).set(dyq, dy);
    new Int8Array(memory.buffer).set(xq, x);
    kernels.intWeightGradient(dW, dy, scales, x, STRIDE, TOKENS, OUTPUTS, INPUTS, false, x + xq.length);
    return new Float32Array(memory.buffer, dW, OUTPUTS * INPUTS);
  };
}

// past the last token as the quantisers leave it: 0 up to a multiple of 8, then anything
function rows(count: number, value: (row: number, t: number) => number): Int8Array {
  return Int8Array.from({ length: count * STRIDE }, (_, i) => {
    const t = i % STRIDE;
    return t >= TOKENS && t < WRITTEN ? 0 : value(Math.floor(i / STRIDE), t);
  });
}
