import { decodeText, splitStories } from "../corpus/stories.ts";
import { tokensInMemory } from "../corpus/token-source.ts";
import { tokenizeStories } from "../corpus/tokens.ts";
import type { ModelConfig } from "../engine/config.ts";
import { ThunderboltError } from "../engine/errors.ts";
import { type CompiledKernels, compileKernels } from "../engine/module.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type Audit, auditCausality } from "./audit.ts";
import { Continuation, type Piece } from "./continuation.ts";
import { type InferenceCrew, type InferenceCrewFactory, inferenceInPlace } from "./crew.ts";
import { type Evaluation, evaluateTokens } from "./evaluate.ts";
import { type GenerateOptions, generateFrom } from "./generate.ts";
import {
  type BatchOptions,
  type BatchPiece,
  batchRequests,
  type GeneratedText,
  generateTogether,
} from "./generate-batch.ts";
import { readModelFile } from "./open-file.ts";
import { type PlacedModel, placeModel } from "./placed-model.ts";
import { Runner } from "./runner.ts";
import { Scheduler, type SchedulerOptions } from "./scheduler.ts";
import { type ScoreOptions, scoreText, type TextScore } from "./score-text.ts";
import { type EvaluationMode, type ScoringJob, sharedBuffer } from "./scoring.ts";
import { Session } from "./session.ts";

/** How a model is opened. */
export interface LoadOptions {
  /** Which kernels to run: "simd", "relaxed" or "single"; by default the best that this runtime offers. */
  readonly kernels?: string;
  /** What messages call the file. */
  readonly name?: string;
  /** Threads for scores and for many texts at once, with `crew`; default 1. The results do not depend on it. */
  readonly workers?: number;
  /** Who those are; by default the calling thread alone. */
  readonly crew?: InferenceCrewFactory;
}

/** A trained model: text in, text and scores out. Uses no Node API. */
export class Model {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  #loaded: { readonly placed: PlacedModel; readonly runner: Runner } | undefined;
  #crew: InferenceCrew | undefined;
  readonly #startCrew: (placed: PlacedModel) => InferenceCrew;

  private constructor(
    tokenizer: Tokenizer,
    compiled: CompiledKernels,
    placed: PlacedModel,
    crew: InferenceCrewFactory = inferenceInPlace,
  ) {
    this.config = placed.shape.config;
    this.tokenizer = tokenizer;
    this.#loaded = { placed, runner: Runner.of(placed) };
    this.#startCrew = ({ memory, shape }) => crew({ work: "inference", compiled, memory, shape });
  }

  /**
   * Opens a model from the bytes of its file.
   *
   * @throws FormatError for a damaged file; MemoryError for a model too large; RuntimeError without WebAssembly SIMD.
   */
  static fromBytes(bytes: Uint8Array, options: LoadOptions = {}): Model {
    const name = options.name ?? "model";
    const { config, tokenizer, source } = readModelFile(bytes, name);
    const compiled = compileKernels(options.kernels);
    return new Model(tokenizer, compiled, placeModel(compiled, config, source, options.workers), options.crew);
  }

  /**
   * A new text. @throws NotCausalError for a model with `headNorm: "window"`.
   */
  session(): Session {
    return new Session(this.#running.runner);
  }

  /**
   * A text that was put away with {@link Session.save}: it goes on as if it had not been, bit for bit.
   *
   * @throws FormatError for damaged bytes, and for those of another model; NotCausalError as {@link session}.
   */
  restoreSession(bytes: Uint8Array): Session {
    return Session.restore(this.#running.runner, bytes);
  }

  /**
   * Continues a prompt, piece by piece.
   *
   * @throws OptionError for an option out of range; NotCausalError for a model with `headNorm: "window"`.
   */
  async *generate(prompt: string, options: GenerateOptions = {}): AsyncGenerator<Piece, void, undefined> {
    // a story begins after the end of another
    const ids = [this.tokenizer.eos, ...this.tokenizer.encode(prompt)];
    const session = this.session();
    session.append(ids);
    yield* generateFrom(session, this.#running.runner, this.tokenizer, ids.slice(1), options);
  }

  /**
   * Continues several prompts side by side, or one several times: faster than one after the other, and each text is
   * the one that {@link generate} gives for its prompt and seed. Pieces come as they are ready, of all texts in turn.
   *
   * @throws OptionError for an option out of range; NotCausalError for a model with `headNorm: "window"`.
   */
  async *generateBatch(
    prompts: readonly string[],
    options: BatchOptions = {},
  ): AsyncGenerator<BatchPiece, void, undefined> {
    const requests = batchRequests(this.tokenizer, prompts, options);
    yield* generateTogether(this.#running.runner, this.tokenizer, requests, options);
  }

  /**
   * The same texts as {@link generateBatch}, whole and in order, by all workers.
   *
   * @throws as {@link generateBatch}; WorkerError when a thread died.
   */
  async *generateTexts(
    prompts: readonly string[],
    options: BatchOptions = {},
  ): AsyncGenerator<GeneratedText, void, undefined> {
    const { runner, placed } = this.#running;
    const { shape } = placed;
    // what is wrong with the options is said here, and not by a worker
    new Continuation(runner, this.tokenizer, [], options);
    if (shape.config.headNorm === "window") this.session();
    const { signal, count: _, ...rest } = options;
    const requests = [...batchRequests(this.tokenizer, prompts, options)];
    const round = runner.batch * shape.workers;
    for (let from = 0; from < requests.length; from += round) {
      signal?.throwIfAborted();
      const job = {
        tokenizerJson: this.tokenizer.json,
        requests: requests
          .slice(from, from + round)
          .map(({ ids, options: { seed } }) => ({ ids, options: { ...rest, seed } })),
        next: new Int32Array(sharedBuffer(4)),
      };
      const results = (await this.#working.run({ kind: "generate", job })).flat();
      for (const text of results.sort((a, b) => a.index - b.index)) yield { ...text, index: from + text.index };
    }
  }

  /**
   * Generates texts side by side for many who come and go, as a server's clients do.
   *
   * @throws OptionError for an option out of range; NotCausalError for a model with `headNorm: "window"`.
   */
  scheduler(options?: SchedulerOptions): Scheduler {
    // a model that cannot stream refuses
    this.session();
    return new Scheduler(this.#running.runner, this.tokenizer, options);
  }

  /**
   * How well each token of one text is predicted by those before it; the first by the end of another story.
   *
   * @throws TextError for an empty text; OptionError for an option out of range; NotCausalError for a model with
   * `headNorm: "window"`.
   */
  async score(text: string, options: ScoreOptions = {}): Promise<TextScore> {
    return scoreText(this.session(), this.tokenizer, text, options);
  }

  /**
   * Scores a text, its stories one by one, by all workers.
   *
   * @throws TextError for an empty text; NotCausalError for mode "stream" of a model with `headNorm: "window"`; WorkerError
   * when a thread died.
   */
  async evaluate(
    text: string | Uint8Array,
    options: { mode?: EvaluationMode; onProgress?: (done: number, all: number) => void } = {},
  ): Promise<Evaluation> {
    const stories = splitStories(typeof text === "string" ? text : decodeText(text, "text"));
    const { tokens, bytes } = tokenizeStories(stories, this.tokenizer);
    const scored = { tokens: tokensInMemory(tokens), bytes, eos: this.tokenizer.eos };
    const score = (job: ScoringJob) => this.#working.run({ kind: "score", job });
    return evaluateTokens(score, this.config, scored, options.mode, (done) =>
      options.onProgress?.(done, tokens.length),
    );
  }

  /** Proves or refutes that no logit depends on later tokens. */
  audit(seed?: number): Audit {
    return auditCausality(this.#running.runner, seed);
  }

  /** Lets the memory go; the model cannot be used afterwards. */
  dispose(): void {
    void this.#crew?.close();
    this.#crew = undefined;
    this.#loaded = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  get #running(): { readonly placed: PlacedModel; readonly runner: Runner } {
    if (!this.#loaded) throw new ThunderboltError("DISPOSED", "this model has been disposed of; load it again");
    return this.#loaded;
  }

  get #working(): InferenceCrew {
    this.#crew ??= this.#startCrew(this.#running.placed);
    return this.#crew;
  }
}
