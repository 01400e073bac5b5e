/** thunderbolt-lm: train and run a matmul-free ternary language model on CPU. */
import { type LoadOptions, Model } from "./inference/model.ts";
import { openModel } from "./run/open-model.ts";

export { type ModelConfig, type Preset, parseConfig, presets } from "./engine/config.ts";
export {
  BusyError,
  ConfigError,
  FormatError,
  MemoryError,
  NotCausalError,
  OptionError,
  RuntimeError,
  TextError,
  ThunderboltError,
  WorkerError,
} from "./engine/errors.ts";
export type { Audit } from "./inference/audit.ts";
export type { FinishReason, Piece } from "./inference/continuation.ts";
export type { Evaluation } from "./inference/evaluate.ts";
export type { GenerateOptions } from "./inference/generate.ts";
export type { BatchOptions, BatchPiece, GeneratedText } from "./inference/generate-batch.ts";
export { type LoadOptions, Model } from "./inference/model.ts";
export type { SamplingOptions } from "./inference/sampler.ts";
export type { ScheduledPiece, ScheduleOptions, Scheduler, SchedulerOptions } from "./inference/scheduler.ts";
export type { ScoredToken, ScoreOptions, TextScore } from "./inference/score-text.ts";
export type { EvaluationMode } from "./inference/scoring.ts";
export type { Session } from "./inference/session.ts";
export type { TokenScore } from "./inference/token-score.ts";
export { prepare } from "./run/prepare.ts";
export type { PrepareOptions, PrepareProgress, PrepareResult } from "./run/prepare-options.ts";
export { train } from "./run/train.ts";
export { InterruptedError, type TrainOptions, type TrainProgress, type TrainResult } from "./run/train-options.ts";
export { Tokenizer } from "./tokenizer/tokenizer.ts";

/**
 * Opens a model: the path of a run folder or a file, or the bytes of a file.
 *
 * @throws OptionError for a path with no model; FormatError for a damaged file; MemoryError for one too large.
 */
export async function loadModel(source: string | Uint8Array | ArrayBuffer, options: LoadOptions = {}): Promise<Model> {
  if (typeof source === "string") return openModel(source, options);
  return Model.fromBytes(source instanceof Uint8Array ? source : new Uint8Array(source), options);
}
