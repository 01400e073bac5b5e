import type { ModelConfig, Preset } from "../engine/config.ts";
import { ThunderboltError } from "../engine/errors.ts";
import type { TrainingCrewFactory } from "../train/crew.ts";
import type { TrainingSettings } from "../train/settings.ts";
import type { CorpusReport } from "../train/training.ts";
import type { StartedBy } from "./run-description.ts";

/** What to train, on what, for how long. */
export interface TrainOptions extends Partial<TrainingSettings> {
  /** A UTF-8 text, whose stories lines `<|endoftext|>` end; or a folder that `prepare` made. */
  readonly data: string;
  /** A text to score with; by default one story in fifty of `data` is held out for that. */
  readonly val?: string;
  /** The folder that receives the run. */
  readonly out: string;
  /** The model and what it is trained with; default "tiny". */
  readonly preset?: Preset;
  /** Fields of the configuration that differ from the preset's. */
  readonly config?: Partial<ModelConfig>;
  /**
   * Steps; default 1,000. A run that is resumed keeps its number; another one (not below the steps done) may be given,
   * and the learning rate then follows it from there on, so that the result is not that of a run in one piece.
   */
  readonly steps?: number;
  /**
   * Instead of steps: about this long. The number of steps is fixed while the learning rate warms up, and a resumed
   * run keeps it.
   */
  readonly minutes?: number;
  /** Threads; default all cores. The result does not depend on it. The kernels "single" always run on one. */
  readonly workers?: number;
  /** Steps between saves; default 500. The end is always saved. */
  readonly saveEvery?: number;
  /**
   * Steps between scores on the held-out text. The model with the best of them, or the last one if that is better, is
   * kept as best.safetensors. Default: the end alone is scored, and there is no such file.
   */
  readonly evalEvery?: number;
  /** States that are kept, the last included; default 2. If the last one is damaged, `resume` goes on from another. */
  readonly keep?: number;
  /** Go on with the run in `out`. */
  readonly resume?: boolean;
  /** Replace the run in `out`. */
  readonly overwrite?: boolean;
  /** Which kernels to run. */
  readonly kernels?: string;
  /** Told what goes on, in the order in which it happens. */
  readonly onProgress?: (progress: TrainProgress) => void;
  /** Ends the run after the current step, with its state saved; before the first step, with nothing written. */
  readonly signal?: AbortSignal;
  /** @internal The command that this run is from, for its report. */
  readonly startedBy?: StartedBy;
  /** @internal Who does the work; by default a pool of threads. */
  readonly crew?: TrainingCrewFactory;
}

/** What a run tells while it goes on. */
export type TrainProgress =
  /** The run goes on from its saved state. */
  | {
      readonly kind: "resumed";
      /** Steps done. */
      readonly step: number;
      /** Steps that the run had been started for; undefined while a run of some minutes had not fixed them. */
      readonly stepsBefore: number | undefined;
      /** Steps that it has now. */
      readonly steps: number | undefined;
    }
  /** The last state cannot be read, and the run goes on from an earlier one. */
  | {
      readonly kind: "damaged";
      /** What is wrong with it, in one line. */
      readonly message: string;
    }
  /** The text is read, and training begins. */
  | ({ readonly kind: "corpus" } & CorpusReport)
  /** A step was taken. */
  | {
      readonly kind: "step";
      /** Steps taken. */
      readonly step: number;
      /** Steps in all; undefined while a run of some minutes has not fixed them. */
      readonly steps: number | undefined;
      /** Mean of the last steps, nats a token. */
      readonly loss: number;
      /** The learning rate that it was taken with. */
      readonly lr: number;
      /** Norm of all gradients together, before clipping. */
      readonly gradientNorm: number;
      /** Over the last steps. */
      readonly tokensPerSecond: number;
      /** Spent in steps so far, evaluation and saving apart; those before `resume` included. */
      readonly seconds: number;
    }
  /** The held-out text is being scored. */
  | {
      readonly kind: "evaluating";
      /** Tokens scored. */
      readonly done: number;
      /** Tokens that there are. */
      readonly all: number;
    }
  /** With `evalEvery`: a score on the way. */
  | {
      readonly kind: "scored";
      /** Steps taken. */
      readonly step: number;
      /** Of the held-out text. */
      readonly bitsPerByte: number;
      /** Whether no earlier score was better. */
      readonly best: boolean;
    }
  /** The state is saved. */
  | {
      readonly kind: "saved";
      /** Steps taken. */
      readonly step: number;
      /** Of model.safetensors. */
      readonly sha256: string;
    };

/** How a run ended. */
export interface TrainResult {
  /** Steps taken, those before `resume` included. */
  readonly steps: number;
  /** Tokens trained on, each as often as it was. */
  readonly tokens: number;
  /** Spent in steps, evaluation and saving apart. */
  readonly seconds: number;
  /** `tokens` / `seconds`. */
  readonly tokensPerSecond: number;
  /** Mean of the last 20 steps, nats a token. */
  readonly trainLoss: number;
  /** The score of the held-out text, which compares across vocabularies. */
  readonly valBitsPerByte: number;
  /** The same score, nats a token. */
  readonly valNatsPerToken: number;
  /** e^valNatsPerToken. */
  readonly valPerplexity: number;
  /** With `evalEvery`: the score of best.safetensors. */
  readonly best?: {
    /** Steps that it had taken. */
    readonly step: number;
    /** Of the held-out text. */
    readonly valBitsPerByte: number;
  };
  /** Of model.safetensors. */
  readonly sha256: string;
}

/** Raised when a run's signal ended it; its state is saved. */
export class InterruptedError extends ThunderboltError {
  /** @param step undefined before the first step, when there is nothing to save. */
  constructor(step: number | undefined, out: string) {
    super(
      "INTERRUPTED",
      step === undefined
        ? `stopped before the first step; nothing was written to ${out}`
        : `stopped after step ${step}; the state is saved in ${out}, --resume continues it`,
    );
  }
}
