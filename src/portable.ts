/// <reference lib="esnext.disposable" preserve="true" />
/** thunderbolt-lm where there is no Node: in browsers, in what bundlers make for them, and at the edge. */
import { type LoadOptions, loadOn } from "./inference/load.ts";
import type { Model } from "./inference/model.ts";
import { type ByteSource, readSource } from "./inference/source.ts";
import type { TrainedText, TrainTextOptions } from "./train/train-text.ts";
import { webCrewFor } from "./workers/web-crew.ts";

export { type ModelConfig, type Preset, parseConfig, presets } from "./engine/config.ts";
export {
  BusyError,
  ConfigError,
  FormatError,
  MemoryError,
  NotCausalError,
  OptionError,
  RuntimeError,
  SaveError,
  TextError,
  ThunderboltError,
  WorkerError,
} from "./engine/errors.ts";
export type { Audit } from "./inference/audit.ts";
export type { ContinuationOptions, FinishReason, Piece } from "./inference/continuation.ts";
export type { Evaluation } from "./inference/evaluate.ts";
export type { GenerateOptions } from "./inference/generate.ts";
export type { BatchOptions, BatchPiece, GeneratedText } from "./inference/generate-batch.ts";
export type { LoadOptions } from "./inference/load.ts";
export { Model } from "./inference/model.ts";
export type { SamplingOptions } from "./inference/sampler.ts";
export type { ScheduledPiece, ScheduleOptions, Scheduler, SchedulerOptions } from "./inference/scheduler.ts";
export type { ScoredToken, ScoreOptions, TextScore } from "./inference/score-text.ts";
export type { EvaluationMode } from "./inference/scoring.ts";
export { Session } from "./inference/session.ts";
export type { ByteSource } from "./inference/source.ts";
export type { TokenScore } from "./inference/token-score.ts";
export { TokenDecoder, Tokenizer } from "./tokenizer/tokenizer.ts";
export type { TrainingLength } from "./train/length.ts";
export type { TrainedText, TrainTextOptions, TrainTextProgress } from "./train/train-text.ts";
export type { CorpusReport, StepReport } from "./train/training.ts";

/**
 * Loads a model: from an address, a Response, a Blob, or the bytes of its file. Several workers are Web Workers, where
 * the page is cross-origin isolated, and else the calling thread alone; the results are the same.
 *
 * @throws OptionError for an option or a source that cannot be used; FormatError for a damaged file; MemoryError for a
 * model too large; RuntimeError without WebAssembly SIMD; the signal's reason if it comes.
 */
export function loadModel(source: ByteSource, options?: LoadOptions): Promise<Model> {
  return loadOn({ read: readSource, crewFor: webCrewFor }, source, options);
}

/**
 * Trains a model on a text in memory. The workers are Web Workers, where the page is cross-origin isolated, and else the
 * calling thread alone; the result is the same, bit for bit, and that of `train` on a file of the text in Node.
 *
 * @throws OptionError, ConfigError, TextError, MemoryError for what cannot be trained; WorkerError when a worker died.
 */
export async function trainText(options: TrainTextOptions): Promise<TrainedText> {
  // loaded when called: a fifth of the code is not needed to run a model
  const { trainTextOn } = await import("./train/train-text.ts");
  return trainTextOn({ cores: navigator.hardwareConcurrency, crewFor: webCrewFor }, options);
}
