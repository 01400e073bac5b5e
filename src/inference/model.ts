import { decodeText, splitStories } from "../corpus/stories.ts";
import { tokensInMemory } from "../corpus/token-source.ts";
import { tokenizeStories } from "../corpus/tokens.ts";
import type { ModelConfig } from "../engine/config.ts";
import { type AnyCrewFactory, inTurn } from "../engine/crew.ts";
import { OptionError, ThunderboltError } from "../engine/errors.ts";
import type { CompiledKernels } from "../engine/instance.ts";
import { compileKernels } from "../engine/module.ts";
import { naming } from "../engine/naming.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type Audit, auditCausality } from "./audit.ts";
import { Continuation, type Piece } from "./continuation.ts";
import { type InferenceCrew, inferenceInPlace } from "./crew.ts";
import { type Evaluation, evaluateTokens } from "./evaluate.ts";
import { type GenerateOptions, generateFrom, readPrompt } from "./generate.ts";
import {
  type BatchOptions,
  type BatchPiece,
  batchRequests,
  type GeneratedText,
  generateTogether,
} from "./generate-batch.ts";
import { laneWorkspace } from "./inference-plan.ts";
import { type LaneCrew, type LaneJob, type LanePiece, type LaneTurn, laneInPlace } from "./lane.ts";
import { readModelFile } from "./open-file.ts";
import { type PlacedModel, placeModel } from "./placed-model.ts";
import { Runner } from "./runner.ts";
import { Scheduler, type SchedulerOptions } from "./scheduler.ts";
import { type ScoreOptions, scoreText, type TextScore } from "./score-text.ts";
import { type EvaluationMode, type ScoringJob, sharedBuffer } from "./scoring.ts";
import { Session } from "./session.ts";

/** How a model is made of the bytes of its file. */
export interface ModelOptions {
  /** Which kernels to run, by name or compiled; by default the best that this runtime offers. */
  readonly kernels?: string | CompiledKernels | undefined;
  /** What messages call the file. */
  readonly name?: string;
  /** Threads for scores and for many texts at once, with `crew`; default 1. The results do not depend on it. */
  readonly workers?: number;
  /** Who those are; by default the calling thread alone. */
  readonly crew?: AnyCrewFactory | undefined;
}

/** A trained model: text in, text and scores out. Uses no Node API. */
export class Model {
  /** What decides its shape. */
  readonly config: ModelConfig;
  /** Its vocabulary. */
  readonly tokenizer: Tokenizer;
  #loaded: { readonly placed: PlacedModel; readonly runner: Runner } | undefined;
  #crew: InferenceCrew | undefined;
  #lanes: readonly LaneCrew[] = [];
  readonly #compiled: CompiledKernels;
  readonly #crewFactory: AnyCrewFactory | undefined;

  private constructor(
    tokenizer: Tokenizer,
    compiled: CompiledKernels,
    placed: PlacedModel,
    crewFactory: AnyCrewFactory | undefined,
  ) {
    this.config = placed.shape.config;
    this.tokenizer = tokenizer;
    this.#loaded = { placed, runner: Runner.of(placed) };
    this.#compiled = compiled;
    this.#crewFactory = crewFactory;
  }

  /**
   * Opens a model from the bytes of its file.
   *
   * @internal Users have loadModel.
   * @throws FormatError for a damaged file; MemoryError for a model too large; RuntimeError without WebAssembly SIMD.
   */
  static fromBytes(bytes: Uint8Array, options: ModelOptions = {}): Model {
    const { kernels, name = "model", workers, crew } = options;
    return naming(name, () => {
      const { config, tokenizer, source } = readModelFile(bytes, name);
      const compiled = typeof kernels === "object" ? kernels : compileKernels(kernels);
      return new Model(tokenizer, compiled, placeModel(compiled, config, source, workers), crew);
    });
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
    const { runner } = this.#running;
    const session = this.session();
    await readPrompt(session, runner, ids, options.signal);
    yield* generateFrom(session, runner, this.tokenizer, ids.slice(1), options);
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
        stop: new Int32Array(sharedBuffer(4)),
      };
      const stop = () => Atomics.store(job.stop, 0, 1);
      signal?.addEventListener("abort", stop);
      const shares = await this.#working
        .run({ kind: "generate", job })
        .finally(() => signal?.removeEventListener("abort", stop));
      signal?.throwIfAborted();
      const results = shares.flat();
      for (const text of results.sort((a, b) => a.index - b.index)) yield { ...text, index: from + text.index };
    }
  }

  /**
   * Generates texts side by side for many who come and go, as a server's clients do, by all workers.
   *
   * @throws OptionError for an option out of range, and where the workers have a scheduler already; NotCausalError for
   * a model with `headNorm: "window"`.
   */
  scheduler(options?: SchedulerOptions): Scheduler {
    const { runner, placed } = this.#running;
    // a model that cannot stream refuses
    this.session();
    if (this.#lanes.length > 0) throw new OptionError("this model's workers have a scheduler already; share it");
    return new Scheduler(runner, this.tokenizer, () => this.#startLanes(placed), options);
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
   * Scores a text, its stories one by one, by all workers; or, with `asReleased`, the text as FlashLM v5 was trained and
   * scored on it, in windows. The bytes counted are those of the stories either way, line breaks included.
   *
   * @throws TextError for an empty text; NotCausalError for mode "stream" of a model with `headNorm: "window"`; WorkerError
   * when a thread died; the signal's reason if it comes.
   */
  async evaluate(
    text: string | Uint8Array,
    options: {
      mode?: EvaluationMode | undefined;
      asReleased?: boolean | undefined;
      onProgress?: (done: number, all: number) => void;
      signal?: AbortSignal;
    } = {},
  ): Promise<Evaluation> {
    const stories = splitStories(typeof text === "string" ? text : decodeText(text, "text"));
    const { asReleased = false } = options;
    const { tokens, bytes } = tokenizeStories(stories, this.tokenizer, asReleased);
    const scored = { tokens: tokensInMemory(tokens, asReleased ? undefined : this.tokenizer.eos), bytes };
    const score = (job: ScoringJob) => this.#working.run({ kind: "score", job });
    const { mode, signal, onProgress } = options;
    return evaluateTokens(score, this.config, scored, {
      mode,
      signal,
      onProgress: (done) => onProgress?.(done, tokens.length),
    });
  }

  /**
   * Proves or refutes that no logit depends on later tokens, on windows that `seed` draws.
   *
   * @throws OptionError for a seed that is no whole number below 2^32.
   */
  audit(seed?: number): Audit {
    return auditCausality(this.#running.runner, seed);
  }

  /** Lets the memory go; the model cannot be used afterwards. */
  dispose(): void {
    for (const crew of [this.#crew, ...this.#lanes]) void crew?.close();
    this.#crew = undefined;
    this.#lanes = [];
    this.#loaded = undefined;
  }

  /** What `using` calls: {@link dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  get #running(): { readonly placed: PlacedModel; readonly runner: Runner } {
    if (!this.#loaded) throw new ThunderboltError("DISPOSED", "this model has been disposed of; load it again");
    return this.#loaded;
  }

  /** Threads for a scheduler; the calling thread alone where that is the only worker. */
  #startLanes({ memory, shape }: PlacedModel): readonly LaneCrew[] {
    const lanes = Array.from({ length: shape.workers }, (_, lane) => ({
      work: "lane" as const,
      compiled: this.#compiled,
      memory,
      shape: { workers: 1 as const, model: shape },
      workspace: laneWorkspace(shape, lane),
      tokenizerJson: this.tokenizer.json,
    }));
    const crewFactory = this.#crewFactory;
    if (!crewFactory || shape.workers === 1) return lanes.map(laneInPlace);
    this.#lanes = lanes.map((job) => crewFactory<LaneJob, LaneTurn, readonly LanePiece[]>(job));
    return this.#lanes;
  }

  get #working(): InferenceCrew {
    if (!this.#crew) {
      const { memory, shape } = this.#running.placed;
      const job = { work: "inference", compiled: this.#compiled, memory, shape } as const;
      this.#crew = inTurn(this.#crewFactory ? this.#crewFactory(job) : inferenceInPlace(job));
    }
    return this.#crew;
  }
}
