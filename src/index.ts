/** thunderbolt-lm: train and run a matmul-free ternary language model on CPU. */
import { type LoadOptions, loadOn } from "./inference/load.ts";
import type { Model } from "./inference/model.ts";
import type { ByteSource } from "./inference/source.ts";
import { crewFor } from "./run/crew.ts";
import { readSourceOrPath } from "./run/open-model.ts";
import type { PrepareOptions, PrepareResult } from "./run/prepare-options.ts";
import type { TrainOptions, TrainResult } from "./run/train-options.ts";

export * from "./portable.ts";
export type { PrepareOptions, PrepareProgress, PrepareResult } from "./run/prepare-options.ts";
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

/**
 * Trains a model and saves it: tokenizer, training, score, files.
 *
 * @throws OptionError, ConfigError, TextError, MemoryError before anything is written; InterruptedError when the
 * signal ended the run; WorkerError when a thread died.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  // loaded when called, as `prepare` is: half of the package is not needed to run a model
  const run = await import("./run/train.ts");
  return run.train(options);
}

/**
 * Turns a text of any size into a folder of tokens that can be trained on, without ever holding it in memory.
 *
 * @throws OptionError or TextError, with everything as it was before.
 */
export async function prepare(options: PrepareOptions): Promise<PrepareResult> {
  const run = await import("./run/prepare.ts");
  return run.prepare(options);
}
