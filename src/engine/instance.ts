import type { Kernels } from "../../wasm-build/kernels.ts";
import { RuntimeError } from "./errors.ts";

/** The exports of the module, typed as the compiler describes them. Addresses come back signed: use `>>> 0`. */
export type { Kernels };

/**
 * `simd`: SIMD128 and a memory that workers can share. `relaxed`: the same with relaxed SIMD, to the same bits.
 * `single`: the kernels of `simd` for hosts without shared memory.
 */
export type KernelSet = "simd" | "relaxed" | "single";

/** A compiled module, ready to be instantiated on any number of memories and threads. */
export interface CompiledKernels {
  readonly set: KernelSet;
  readonly module: WebAssembly.Module;
}

/** A memory of exactly `pages` pages, shared if the kernels can share it. */
export function createMemory(set: KernelSet, pages: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: set !== "single" });
  } catch (cause) {
    const size = (pages / 16).toFixed(0);
    throw new RuntimeError(
      `this machine did not give ${size} MiB of memory; a smaller batch, sequence or model would do`,
      { cause },
    );
  }
}

/** Instantiates kernels on a memory. */
export function instantiateKernels({ module }: CompiledKernels, memory: WebAssembly.Memory): Kernels {
  // without AssemblyScript's loader, whose wrappers double the cost of a call
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return exports as unknown as Kernels;
}
