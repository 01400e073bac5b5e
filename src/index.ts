/** thunderbolt-lm: train and run a matmul-free ternary language model on CPU. */
import { type LoadOptions, loadOn } from "./inference/load.ts";
import type { Model } from "./inference/model.ts";
import type { ByteSource } from "./inference/source.ts";
import { crewFor } from "./run/crew.ts";
import { readSourceOrPath } from "./run/open-model.ts";

export * from "./portable.ts";
export { prepare } from "./run/prepare.ts";
export type { PrepareOptions, PrepareProgress, PrepareResult } from "./run/prepare-options.ts";
export { train } from "./run/train.ts";
export { InterruptedError, type TrainOptions, type TrainProgress, type TrainResult } from "./run/train-options.ts";
export type { OptimizerSettings } from "./train/learner.ts";
export type { TrainingSettings } from "./train/settings.ts";

/**
 * Loads a model: from the path of a run folder or a file, an address, a Response, a Blob, or the bytes of its file.
 * Several workers are threads. In a browser the path is an address, and several workers need a page that is
 * cross-origin isolated.
 *
 * @throws OptionError for an option or a source that cannot be used; FormatError for a damaged file; MemoryError for a
 * model too large; RuntimeError without WebAssembly SIMD; the signal's reason if it comes.
 */
export function loadModel(source: ByteSource, options?: LoadOptions): Promise<Model> {
  return loadOn({ read: readSourceOrPath, crewFor }, source, options);
}
