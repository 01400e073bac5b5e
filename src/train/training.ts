import type { TokenSource } from "../corpus/token-source.ts";
import { WindowSampler } from "../corpus/windows.ts";
import type { ModelConfig } from "../engine/config.ts";
import { ThunderboltError } from "../engine/errors.ts";
import { type Evaluation, evaluateTokens, type ScoredText } from "../inference/evaluate.ts";
import { Clock } from "./clock.ts";
import type { FillBatch, Learner } from "./learner.ts";
import type { TrainingLength } from "./length.ts";
import { learningRate } from "./schedule.ts";
import { type TrainingSettings, tokensPerStep } from "./settings.ts";

/** Steps over which the reported loss is averaged. */
const SMOOTHING = 20;

/** What a run reads. */
export interface TrainingText {
  readonly training: TokenSource;
  readonly validation: ScoredText;
}

/** The best score of a run so far. */
export interface BestScore {
  readonly step: number;
  readonly bitsPerByte: number;
}

/** What a run must remember besides its weights and moments, to go on as if nothing had happened. */
export interface TrainingState extends TrainingLength {
  /** Spent in steps. */
  readonly seconds: number;
  /** Of the last steps, for the mean that is reported. */
  readonly losses: readonly number[];
  /** The step that was last scored on the way. */
  readonly scored?: number | undefined;
  /** The best of those scores. */
  readonly best?: BestScore | undefined;
}

/** What a run is about to read, and who works on it. */
export interface CorpusReport {
  /** The model, its vocabulary as large as it came to be. */
  readonly config: ModelConfig;
  /** Stories to train on. */
  readonly stories: number;
  /** UTF-8 bytes of the stories' text. */
  readonly bytes: number;
  /** Tokens of the stories to train on. */
  readonly tokens: number;
  /** Threads that share the work. */
  readonly workers: number;
}

/** What a step tells. */
export interface StepReport {
  /** Steps taken. */
  readonly step: number;
  /** Steps in all; undefined while a run of some minutes has not fixed them. */
  readonly steps: number | undefined;
  /** Of this step, nats a token. */
  readonly loss: number;
  /** Of the last steps. */
  readonly meanLoss: number;
  /** The learning rate that it was taken with. */
  readonly lr: number;
  /** Norm of all gradients together, before clipping. */
  readonly gradientNorm: number;
  /** Tokens trained on so far. */
  readonly tokens: number;
  /** Over the last steps. */
  readonly tokensPerSecond: number;
  /** Spent in steps so far. */
  readonly seconds: number;
}

/**
 * A run of many steps: which windows, which learning rate, how far, and how good. It knows no files; whoever drives it
 * decides when to save, and gets from {@link state} what to save.
 */
export class Training {
  readonly learner: Learner;
  readonly #text: TrainingText;
  readonly #settings: TrainingSettings;
  readonly #sampler: WindowSampler;
  readonly #clock: Clock;
  readonly #minutes: number | undefined;
  readonly #losses: number[];
  #steps: number | undefined;
  #scored: number | undefined;
  #best: BestScore | undefined;

  /**
   * @param state of a run that goes on, or the length of a new one.
   * @throws TextError for a text shorter than a window.
   */
  constructor(
    learner: Learner,
    text: TrainingText,
    settings: TrainingSettings,
    { steps, minutes, seconds = 0, losses = [], scored, best }: TrainingLength & Partial<TrainingState>,
  ) {
    this.learner = learner;
    this.#text = text;
    this.#settings = settings;
    const { seqLen } = learner.plan.shape.config;
    this.#sampler = new WindowSampler({ tokens: text.training.length, seqLen, seed: settings.seed });
    this.#clock = new Clock(seconds);
    this.#steps = steps;
    this.#minutes = minutes;
    this.#losses = [...losses];
    this.#scored = scored;
    this.#best = best;
  }

  /** Whether all steps are taken. */
  get ended(): boolean {
    return this.#steps !== undefined && this.learner.step >= this.#steps;
  }

  /** Mean loss of the last steps, nats a token. */
  get meanLoss(): number {
    return this.#losses.reduce((a, b) => a + b, 0) / this.#losses.length;
  }

  /** Tokens trained on so far. */
  get tokens(): number {
    return this.learner.step * tokensPerStep(this.learner.plan.shape.config, this.#settings);
  }

  get state(): TrainingState {
    return {
      steps: this.#steps,
      minutes: this.#minutes,
      seconds: this.#clock.seconds,
      losses: this.#losses,
      scored: this.#scored,
      best: this.#best,
    };
  }

  /**
   * Takes the next step.
   *
   * @throws StoppedError after `learner.stop()`, as if the step had not begun; ThunderboltError where the loss is no
   * number any more.
   */
  async step(): Promise<StepReport> {
    const { learner } = this;
    const settings = this.#settings;
    const { step: index } = learner;
    const lr = learningRate({ ...settings, steps: this.#steps ?? Number.POSITIVE_INFINITY }, index);
    const fill: FillBatch = (micro, ids, targets) =>
      this.#fillWindows((index * settings.accumulate + micro) * settings.batch, ids, targets);
    this.#clock.start();
    const { loss, gradientNorm } = await learner.update(settings.accumulate, fill, lr, settings);
    this.#clock.stop();
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      throw new ThunderboltError(
        "DIVERGED",
        `the loss became ${loss} at step ${index}; a lower --lr than ${settings.lr} would do`,
      );
    }
    if (this.#losses.push(loss) > SMOOTHING) this.#losses.shift();
    this.#steps ??= this.#clock.stepsWithin((this.#minutes ?? 0) * 60, learner.step, settings.warmupSteps);
    return {
      step: learner.step,
      steps: this.#steps,
      loss,
      meanLoss: this.meanLoss,
      lr,
      gradientNorm,
      tokens: this.tokens,
      tokensPerSecond: tokensPerStep(learner.plan.shape.config, settings) / this.#clock.secondsPerStep,
      seconds: this.#clock.seconds,
    };
  }

  /** Whether a run that is scored every so many steps is to be scored now. */
  isScoreDue(evalEvery: number | undefined): boolean {
    const { step } = this.learner;
    return evalEvery !== undefined && step > 0 && step % evalEvery === 0 && this.#scored !== step;
  }

  /**
   * Scores the model as it stands on the held-out text, and remembers the best score.
   *
   * @param onProgress called now and then with the tokens done.
   * @throws the signal's reason if it comes.
   */
  async score(signal?: AbortSignal, onProgress?: (done: number, all: number) => void): Promise<Evaluation> {
    const { learner } = this;
    const { validation } = this.#text;
    const all = validation.tokens.length;
    onProgress?.(0, all);
    const evaluation = await evaluateTokens((job) => learner.score(job), learner.plan.shape.config, validation, {
      signal,
      onProgress: (done) => onProgress?.(done, all),
    });
    this.#scored = learner.step;
    const { bitsPerByte } = evaluation;
    if (this.#best === undefined || bitsPerByte < this.#best.bitsPerByte) {
      this.#best = { step: learner.step, bitsPerByte };
    }
    return evaluation;
  }

  /** Writes the windows from an index on: B x T ids and targets. */
  #fillWindows(first: number, ids: Int32Array, targets: Int32Array): void {
    const { batch, config } = this.learner.plan.shape;
    const T = config.seqLen;
    const window = new Uint16Array(T + 1);
    for (let b = 0; b < batch; b++) {
      this.#text.training.read(this.#sampler.at(first + b), window);
      ids.set(window.subarray(0, T), b * T);
      targets.set(window.subarray(1), b * T);
    }
  }
}
