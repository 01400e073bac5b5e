/** thunderbolt-lm: train and run a matmul-free ternary language model on CPU. */
import { availableParallelism } from "node:os";
import type { FetchOptions, FetchResult } from "./fetch/fetch-options.ts";
import { type LoadOptions, loadOn } from "./inference/load.ts";
import type { Model } from "./inference/model.ts";
import type { ByteSource } from "./inference/source.ts";
import { crewFor } from "./run/crew.ts";
import { readSourceOrPath } from "./run/open-model.ts";
import type { PrepareOptions, PrepareResult } from "./run/prepare-options.ts";
import type { TrainOptions, TrainResult } from "./run/train-options.ts";
import type { TrainedText, TrainTextOptions } from "./train/train-text.ts";

export { DownloadError } from "./engine/errors.ts";
export type { Fetchable, FetchOptions, FetchProgress, FetchResult } from "./fetch/fetch-options.ts";
export type { HubSettings } from "./fetch/hub-settings.ts";
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
 * Trains a model on a text in memory, without any file: the same bits as `train` on a file of that text.
 *
 * @throws OptionError, ConfigError, TextError, MemoryError for what cannot be trained; WorkerError when a thread died.
 */
export async function trainText(options: TrainTextOptions): Promise<TrainedText> {
  // loaded when called, as what follows is: half of the package is not needed to run a model
  const run = await import("./train/train-text.ts");
  return run.trainTextOn({ cores: availableParallelism(), crewFor }, options);
}

/**
 * Trains a model and saves it: tokenizer, training, score, files.
 *
 * @throws OptionError, ConfigError, TextError, MemoryError before anything is written; InterruptedError when the
 * signal ended the run; WorkerError when a thread died.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
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

/**
 * Fetches a data set, or released weights, from the Hugging Face hub. A file that is there already, with the hash that
 * the hub lists, is not fetched again; one that has come in part is gone on with.
 *
 * @throws OptionError before anything is written; DownloadError.
 */
export async function fetchFiles(options: FetchOptions): Promise<FetchResult> {
  const run = await import("./fetch/fetch.ts");
  return run.fetchFiles(options);
}
