import { instantiateSync } from "@assemblyscript/loader";
import { embedded } from "../../wasm-build/embedded.ts";
import type { Kernels } from "../../wasm-build/kernels.ts";
import { OptionError, RuntimeError } from "./errors.ts";
import { relaxedObstacle, sumsOf } from "./relaxed.ts";

/** The exports of the module, typed as the compiler describes them. Addresses come back signed: use `>>> 0`. */
export type { Kernels };

/**
 * `simd`: SIMD128 and a memory that workers can share. `relaxed`: the same with relaxed SIMD, to the same bits.
 * `single`: the kernels of `simd` for hosts without shared memory.
 */
export type KernelSet = keyof typeof embedded;

/** A compiled module, ready to be instantiated on any number of memories and threads. */
export interface CompiledKernels {
  readonly set: KernelSet;
  readonly module: WebAssembly.Module;
}

const compiled = new Map<KernelSet, CompiledKernels>();
let whyNot: { readonly relaxed: string | undefined } | undefined;

/**
 * Compiles a set of kernels, once per thread. Without a name it is the best that this runtime offers.
 *
 * @throws OptionError for a name that is none; RuntimeError where WebAssembly SIMD is missing, or relaxed SIMD if that
 * was asked for.
 */
export function compileKernels(name?: string): CompiledKernels {
  if (name === undefined) return compileSet(bestSet());
  const set = setOf(name);
  const obstacle = set === "relaxed" ? whyNotRelaxed() : undefined;
  if (obstacle !== undefined) {
    throw new RuntimeError(
      `kernels relaxed cannot run here: ${obstacle}; kernels simd give the same results, and Node 22 or later would do`,
    );
  }
  return compileSet(set);
}

/** Why the kernels `relaxed` cannot run here; undefined if they can. Found out once per thread, by trying. */
export function whyNotRelaxed(): string | undefined {
  whyNot ??= {
    relaxed: relaxedObstacle({
      v8: v8Version(),
      sharedMemory: typeof SharedArrayBuffer !== "undefined",
      validates: () => WebAssembly.validate(bytesOf("relaxed")),
      instantiate: () => {
        const memory = createMemory("relaxed", 1);
        return sumsOf(instantiateKernels(compileSet("relaxed"), memory), memory);
      },
    }),
  };
  return whyNot.relaxed;
}

function compileSet(set: KernelSet): CompiledKernels {
  let kernels = compiled.get(set);
  if (!kernels) {
    try {
      kernels = { set, module: new WebAssembly.Module(bytesOf(set)) };
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

function bytesOf(set: KernelSet): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(embedded[set]), (character) => character.charCodeAt(0));
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
  if (typeof SharedArrayBuffer === "undefined") return "single";
  return whyNotRelaxed() === undefined ? "relaxed" : "simd";
}

function setOf(name: string): KernelSet {
  if (isSet(name)) return name;
  throw new OptionError(`unknown kernels "${name}"; known: ${Object.keys(embedded).join(", ")}`);
}

function isSet(name: string): name is KernelSet {
  return Object.hasOwn(embedded, name);
}

// a browser has no `process`; Deno and Bun name a V8 too
function v8Version(): string | undefined {
  const { process } = globalThis as { process?: { versions?: { v8?: string } } };
  return process?.versions?.v8;
}
