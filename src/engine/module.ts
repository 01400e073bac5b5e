import { instantiateSync } from "@assemblyscript/loader";
import { embedded } from "../../wasm-build/embedded.ts";
import type { Kernels } from "../../wasm-build/kernels.ts";
import { OptionError, RuntimeError } from "./errors.ts";

/** The exports of the module, typed as the compiler describes them. Addresses come back signed: use `>>> 0`. */
export type { Kernels };

/** `simd`: SIMD128 and a memory that workers can share. `single`: the same kernels for hosts without shared memory. */
export type KernelSet = keyof typeof embedded;

/** A compiled module, ready to be instantiated on any number of memories and threads. */
export interface CompiledKernels {
  readonly set: KernelSet;
  readonly module: WebAssembly.Module;
}

const compiled = new Map<KernelSet, CompiledKernels>();

/**
 * Compiles a set of kernels, once per thread. Without a name it is the best that this runtime offers.
 *
 * @throws OptionError for a name that is none; RuntimeError where WebAssembly SIMD is missing.
 */
export function compileKernels(name?: string): CompiledKernels {
  const set = name === undefined ? bestSet() : setOf(name);
  let kernels = compiled.get(set);
  if (!kernels) {
    const bytes = Uint8Array.from(atob(embedded[set]), (character) => character.charCodeAt(0));
    try {
      kernels = { set, module: new WebAssembly.Module(bytes) };
    } catch (cause) {
      throw new RuntimeError(
        "this runtime cannot compile WebAssembly with SIMD; Node 20, Deno, Bun or a current browser would do",
        { cause },
      );
    }
    compiled.set(set, kernels);
  }
  return kernels;
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
  // raw exports: the loader's wrappers would double the cost of a call
  const { instance } = instantiateSync(module, { env: { memory } });
  return instance.exports as unknown as Kernels;
}

function bestSet(): KernelSet {
  return typeof SharedArrayBuffer === "undefined" ? "single" : "simd";
}

function setOf(name: string): KernelSet {
  if (name === "simd" || name === "single") return name;
  throw new OptionError(`unknown kernels "${name}"; known: ${Object.keys(embedded).join(", ")}`);
}
