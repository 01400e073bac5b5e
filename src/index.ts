/** thunderbolt-lm: train and run a matmul-free ternary language model on CPU. */
import { availableParallelism } from "node:os";
import { type LoadOptions, loadOn } from "./inference/load.ts";
import type { Model } from "./inference/model.ts";
import type { ByteSource } from "./inference/source.ts";
import { crewFor } from "./run/crew.ts";
import { readSourceOrPath } from "./run/open-model.ts";
import { type TrainedText, type TrainTextOptions, trainTextOn } from "./train/train-text.ts";

export { DownloadError } from "./engine/errors.ts";
export { fetchFiles } from "./fetch/fetch.ts";
export type { Fetchable, FetchOptions, FetchProgress, FetchResult } from "./fetch/fetch-options.ts";
export type { HubSettings } from "./fetch/hub-settings.ts";
export * from "./portable.ts";
export { prepare } from "./run/prepare.ts";
export type { PrepareOptions, PrepareProgress, PrepareResult } from "./run/prepare-options.ts";
export { train } from "./run/train.ts";
export { InterruptedError, type TrainOptions, type TrainProgress, type TrainResult } from "./run/train-options.ts";

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
export function trainText(options: TrainTextOptions): Promise<TrainedText> {
  return trainTextOn({ cores: availableParallelism(), crewFor }, options);
}
