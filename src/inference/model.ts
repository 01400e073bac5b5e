import { decodeText, splitStories } from "../corpus/stories.ts";
import { tokenizeStories } from "../corpus/tokens.ts";
import type { ModelConfig } from "../engine/config.ts";
import { FormatError, ThunderboltError } from "../engine/errors.ts";
import { compileKernels } from "../engine/module.ts";
import { readModelFile } from "../formats/model-file.ts";
import { valuesOf } from "../formats/parameter-values.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type Audit, auditCausality } from "./audit.ts";
import type { Piece } from "./continuation.ts";
import { type Evaluation, type EvaluationMode, evaluateTokens } from "./evaluate.ts";
import { type GenerateOptions, generateFrom } from "./generate.ts";
import { type BatchOptions, type BatchPiece, batchRequests, generateTogether } from "./generate-batch.ts";
import { createRunner, type Runner } from "./runner.ts";
import { Session } from "./session.ts";

/** How a model is opened. */
export interface LoadOptions {
  /** Which kernels to run: "simd", "relaxed" or "single"; by default the best that this runtime offers. */
  readonly kernels?: string;
  /** What messages call the file. */
  readonly name?: string;
}

/** A trained model: text in, text and scores out. Uses no Node API. */
export class Model {
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  #runner: Runner | undefined;

  private constructor(config: ModelConfig, tokenizer: Tokenizer, runner: Runner) {
    this.config = config;
    this.tokenizer = tokenizer;
    this.#runner = runner;
  }

  /**
   * Opens a model from the bytes of its file.
   *
   * @throws FormatError for a damaged file; MemoryError for a model too large; RuntimeError without WebAssembly SIMD.
   */
  static fromBytes(bytes: Uint8Array, options: LoadOptions = {}): Model {
    const name = options.name ?? "model";
    const { config, tokenizerJson, tensors } = readModelFile(bytes, name);
    const tokenizer = Tokenizer.fromJson(tokenizerJson);
    if (tokenizer.vocabSize !== config.vocabSize) {
      throw new FormatError(
        `${name}: the tokenizer has ${tokenizer.vocabSize} tokens and the configuration says ${config.vocabSize}`,
      );
    }
    return new Model(config, tokenizer, createRunner(compileKernels(options.kernels), config, valuesOf(tensors)));
  }

  /**
   * A new text. @throws NotCausalError for a model with `headNorm: "window"`.
   */
  session(): Session {
    return new Session(this.#running);
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
    yield* generateFrom(session, this.#running, this.tokenizer, ids.slice(1), options);
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
    yield* generateTogether(this.#running, this.tokenizer, requests, options.signal);
  }

  /**
   * Scores a text, its stories one by one.
   *
   * @throws TextError for an empty text; NotCausalError for mode "stream" of a model with `headNorm: "window"`.
   */
  evaluate(
    text: string | Uint8Array,
    options: { mode?: EvaluationMode; onProgress?: (done: number, all: number) => void } = {},
  ): Evaluation {
    const stories = splitStories(typeof text === "string" ? text : decodeText(text, "text"));
    const { tokens, bytes } = tokenizeStories(stories, this.tokenizer);
    return evaluateTokens(this.#running, this.tokenizer.eos, tokens, bytes, options.mode, (done) =>
      options.onProgress?.(done, tokens.length),
    );
  }

  /** Proves or refutes that no logit depends on later tokens. */
  audit(seed?: number): Audit {
    return auditCausality(this.#running, seed);
  }

  /** Lets the memory go; the model cannot be used afterwards. */
  dispose(): void {
    this.#runner = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  get #running(): Runner {
    if (!this.#runner) throw new ThunderboltError("DISPOSED", "this model has been disposed of; load it again");
    return this.#runner;
  }
}
