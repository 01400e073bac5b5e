import type { AnyCrewFactory } from "../engine/crew.ts";
import { OptionError } from "../engine/errors.ts";
import type { CompiledKernels, KernelSet } from "../engine/instance.ts";
import { adoptKernels, compileKernels } from "../engine/module.ts";
import { wholeNumber } from "../engine/whole-number.ts";
import { Model } from "./model.ts";
import type { ByteSource, NamedBytes } from "./source.ts";

/** How a model is loaded. */
export interface LoadOptions {
  /** Which kernels to run: "simd", "relaxed" or "single"; by default the best that this runtime offers. */
  readonly kernels?: string | undefined;
  /**
   * The module of the kernels, where they are not to come out of the package's code: thunderbolt-lm/single.wasm, or
   * simd.wasm for several workers; compiled (a WebAssembly.Module), as bytes, or where they are to be fetched from.
   */
  readonly wasm?: ByteSource | object | undefined;
  /** Threads for scores and for several texts at once; default 1. The results do not depend on it. */
  readonly workers?: number | undefined;
  /** Ends the loading with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What loading asks of a host. */
export interface LoadingHost {
  /** Gets the bytes of a source. */
  read(source: ByteSource, signal?: AbortSignal): Promise<NamedBytes>;
  /** Who works on a model, and how many. */
  crewFor(set: KernelSet, workers: number): { readonly crew: AnyCrewFactory | undefined; readonly workers: number };
}

/**
 * Loads a model on a host.
 *
 * @throws OptionError for an option or a source that cannot be used; FormatError for a damaged file; MemoryError for a
 * model too large; RuntimeError without WebAssembly SIMD; the signal's reason if it comes.
 */
export async function loadOn(host: LoadingHost, source: ByteSource, options: LoadOptions = {}): Promise<Model> {
  const { signal } = options;
  const threads = wholeNumber("workers", options.workers ?? 1, 1, 256);
  signal?.throwIfAborted();
  // first, so that nothing is fetched for an option that is refused
  const kernels = await kernelsAsked(host, options);
  const { bytes, name } = await host.read(source, signal);
  signal?.throwIfAborted();
  return Model.fromBytes(bytes, { kernels, name, ...(threads > 1 && host.crewFor(kernels.set, threads)) });
}

async function kernelsAsked(host: LoadingHost, { kernels, wasm, signal }: LoadOptions): Promise<CompiledKernels> {
  if (wasm === undefined) return compileKernels(kernels);
  if (kernels !== undefined) throw new OptionError(`kernels is "${kernels}", and wasm is given; give one of them`);
  return adoptKernels(wasm instanceof WebAssembly.Module ? wasm : (await host.read(wasm as ByteSource, signal)).bytes);
}
