import { OptionError, RuntimeError } from "./errors.ts";
import { type CompiledKernels, createMemory, instantiateKernels, type KernelSet } from "./instance.ts";
import { moduleBytes } from "./module-bytes.ts";
import { relaxedObstacle, sumsAreExact, sumsOf } from "./relaxed.ts";

const sets: readonly KernelSet[] = ["simd", "relaxed", "single"];
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

/**
 * Takes kernels from the caller, compiled or not, for hosts that compile nothing while they run. Which set they are
 * shows in the memory that they take; `relaxed` passes for `simd`, of which it has the results.
 *
 * @throws OptionError for another module, and for one that this runtime does not run, or not rightly.
 */
export function adoptKernels(wasm: WebAssembly.Module | Uint8Array): CompiledKernels {
  let reason: unknown;
  for (const set of ["single", "simd"] as const) {
    try {
      const module = wasm instanceof WebAssembly.Module ? wasm : new WebAssembly.Module(new Uint8Array(wasm));
      const memory = createMemory(set, 1);
      const kernels = instantiateKernels({ set, module }, memory);
      if (sumsAreExact(sumsOf(kernels, memory))) return { set, module };
      reason = "its sums are wrong in this runtime";
    } catch (error) {
      reason = error instanceof Error ? error.message : error;
    }
  }
  throw new OptionError(`wasm does not run here (${reason}); expected thunderbolt-lm/single.wasm or simd.wasm`);
}

/** Why the kernels `relaxed` cannot run here; undefined if they can. Found out once per thread, by trying. */
export function whyNotRelaxed(): string | undefined {
  whyNot ??= {
    relaxed: relaxedObstacle({
      v8: v8Version(),
      sharedMemory: typeof SharedArrayBuffer !== "undefined",
      validates: () => WebAssembly.validate(moduleBytes("relaxed")),
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
      kernels = { set, module: new WebAssembly.Module(moduleBytes(set)) };
    } catch (cause) {
      throw new RuntimeError(
        "this runtime cannot compile WebAssembly with SIMD; Node 20, Deno, Bun or a current browser would do, and the option wasm where none may be compiled",
        { cause },
      );
    }
    compiled.set(set, kernels);
  }
  return kernels;
}

function bestSet(): KernelSet {
  if (typeof SharedArrayBuffer === "undefined") return "single";
  return whyNotRelaxed() === undefined ? "relaxed" : "simd";
}

function setOf(name: string): KernelSet {
  const set = sets.find((one) => one === name);
  if (set === undefined) throw new OptionError(`unknown kernels "${name}"; known: ${sets.join(", ")}`);
  return set;
}

// a browser has no `process`; Deno and Bun name a V8 too
function v8Version(): string | undefined {
  const { process } = globalThis as { process?: { versions?: { v8?: string } } };
  return process?.versions?.v8;
}
