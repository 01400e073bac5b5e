import type { TokenSource } from "../corpus/token-source.ts";
import { SaveError, WorkerError } from "../engine/errors.ts";
import type { Evaluation } from "../inference/evaluate.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type Learner, StoppedError } from "../train/learner.ts";
import { lookAt } from "../train/look.ts";
import type { Training } from "../train/training.ts";
import type { Identity } from "./identity.ts";
import type { RunFolder } from "./run-folder.ts";
import type { SavedRun } from "./run-state.ts";
import { InterruptedError, type TrainProgress, type TrainResult } from "./train-options.ts";

/** What a recorded run is made of. */
interface Parts {
  readonly folder: RunFolder;
  readonly learner: Learner;
  readonly training: Training;
  readonly tokenizer: Tokenizer;
  readonly identity: Identity;
  /** The tokens of the text that it is scored with. */
  readonly heldOut: TokenSource;
  /** Called when the learner and the folder are ready for the first step. */
  readonly onStart: () => void;
  readonly onProgress: ((progress: TrainProgress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A training with the folder that records it: what is written when, and what a stop leaves there. */
export class RecordedRun {
  readonly #parts: Parts;
  /** The step of the last state in the folder; undefined before the first. */
  #lastSaved: number | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Begins with a seed, or goes on from what was saved; takes the steps that are left, and saves and scores on the way
   * and at the end.
   *
   * @throws InterruptedError when the signal ended it; WorkerError when a thread died; SaveError when a file could not
   * be written; the latter two say what is saved.
   */
  async finish(from: number | SavedRun, saveEvery: number, evalEvery: number | undefined): Promise<TrainResult> {
    try {
      if (typeof from === "number") this.#begin(from);
      else this.#goOn(from);
      this.#parts.onStart();
      await this.#takeSteps(saveEvery, evalEvery);
      return await this.#end(evalEvery !== undefined);
    } catch (error) {
      if (error instanceof WorkerError || error instanceof SaveError) throw this.#withWhatIsSaved(error);
      throw error;
    }
  }

  #begin(seed: number): void {
    const { folder, learner } = this.#parts;
    folder.create();
    learner.initialise(seed);
  }

  #goOn({ weights, optimizer, progress }: SavedRun): void {
    const { folder, learner, tokenizer } = this.#parts;
    learner.restore(weights, optimizer);
    this.#lastSaved = learner.step;
    // the records forget what came after it
    folder.removeUnfinished();
    folder.metrics.rewind(learner.step, progress.scored);
    folder.looks.rewind(progress.scored ?? 0);
    // a process that died after it saved the state of its best model had not written that model yet
    if (progress.best?.step === learner.step) folder.saveBest(learner, tokenizer.json);
  }

  async #takeSteps(saveEvery: number, evalEvery: number | undefined): Promise<void> {
    const { folder, learner, training, onProgress, signal } = this.#parts;
    while (!training.ended) {
      if (training.isScoreDue(evalEvery)) await this.#scoreOnTheWay();
      if (learner.step > 0 && learner.step % saveEvery === 0 && this.#lastSaved !== learner.step) this.#save();
      const { steps, meanLoss, ...line } = await training.step().catch((error) => {
        // the signal came in the middle of the step, which is as if it had not begun
        throw error instanceof StoppedError ? this.#interrupted() : error;
      });
      folder.metrics.log(line);
      onProgress?.({ kind: "step", ...line, steps, loss: meanLoss });
      if (signal?.aborted) throw this.#interrupted();
    }
  }

  async #end(keepBest: boolean): Promise<TrainResult> {
    const { folder, learner, training } = this.#parts;
    // what is trained is safe before the score, which may take long
    const sha256 = this.#save();
    const evaluation = await this.#score();
    // one that had ended before has been looked at
    folder.looks.rewind(learner.step - 1);
    await this.#look();
    if (keepBest) this.#keepIfBest(evaluation);
    const { seconds, best } = training.state;
    const result: TrainResult = {
      steps: learner.step,
      tokens: training.tokens,
      seconds,
      tokensPerSecond: training.tokens / seconds,
      trainLoss: training.meanLoss,
      valBitsPerByte: evaluation.bitsPerByte,
      valNatsPerToken: evaluation.natsPerToken,
      valPerplexity: evaluation.perplexity,
      ...(keepBest && best && { best: { step: best.step, valBitsPerByte: best.bitsPerByte } }),
      sha256,
    };
    folder.metrics.log(result);
    return result;
  }

  async #scoreOnTheWay(): Promise<void> {
    const { folder, learner } = this.#parts;
    const evaluation = await this.#score();
    const { bitsPerByte, natsPerToken } = evaluation;
    // before the state that says that it is done
    folder.metrics.log({ step: learner.step, valBitsPerByte: bitsPerByte, valNatsPerToken: natsPerToken });
    await this.#look();
    this.#keepIfBest(evaluation);
  }

  #score(): Promise<Evaluation> {
    const { training, onProgress, signal } = this.#parts;
    return training
      .score(signal, (done, all) => onProgress?.({ kind: "evaluating", done, all }))
      .catch((error) => {
        throw signal?.aborted ? this.#interrupted() : error;
      });
  }

  async #look(): Promise<void> {
    const { folder, learner, tokenizer, heldOut } = this.#parts;
    folder.looks.log(await lookAt(learner, tokenizer, heldOut));
  }

  #keepIfBest({ bitsPerByte }: Evaluation): void {
    const { folder, learner, training, tokenizer, onProgress } = this.#parts;
    const best = training.state.best?.step === learner.step;
    onProgress?.({ kind: "scored", step: learner.step, bitsPerByte, best });
    if (!best) return;
    // the state first: while it is the last one, the best model can be had from it
    this.#save();
    folder.saveBest(learner, tokenizer.json);
  }

  #save(): string {
    const { folder, learner, training, tokenizer, identity, onProgress } = this.#parts;
    const sha256 = folder.save(learner, tokenizer.json, identity, training.state);
    this.#lastSaved = learner.step;
    onProgress?.({ kind: "saved", step: learner.step, sha256 });
    return sha256;
  }

  #interrupted(): InterruptedError {
    const { folder, learner } = this.#parts;
    if (this.#lastSaved !== learner.step) this.#save();
    return new InterruptedError(learner.step, folder.path);
  }

  #withWhatIsSaved(error: WorkerError | SaveError): Error {
    const rest =
      this.#lastSaved === undefined
        ? "nothing was saved yet"
        : `step ${this.#lastSaved} is saved in ${this.#parts.folder.path}, --resume goes on from it`;
    const Kind = error instanceof WorkerError ? WorkerError : SaveError;
    return new Kind(`${error.message}; ${rest}`, { cause: error });
  }
}
