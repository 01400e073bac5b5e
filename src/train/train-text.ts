import { corpusOfText } from "../corpus/text-corpus.ts";
import { tokensInMemory } from "../corpus/token-source.ts";
import type { TokenizedStories } from "../corpus/tokens.ts";
import { deriveConfig, type ModelConfig, type Preset, presetConfig } from "../engine/config.ts";
import type { KernelSet } from "../engine/instance.ts";
import { compileKernels } from "../engine/module.ts";
import { sharedTurns } from "../engine/turns.ts";
import { wholeNumber } from "../engine/whole-number.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import { trainVocabulary } from "../tokenizer/train-vocabulary.ts";
import type { TrainingCrewFactory } from "./crew.ts";
import { Learner, StoppedError } from "./learner.ts";
import { lengthAsked, type TrainingLength } from "./length.ts";
import { deriveSettings, presetSettings, type TrainingSettings } from "./settings.ts";
import { snapshotOf } from "./snapshot.ts";
import { type CorpusReport, type StepReport, Training } from "./training.ts";

/** What to train in memory, on what, for how long. */
export interface TrainTextOptions extends Partial<TrainingSettings & TrainingLength> {
  /** Stories, each ended by a line `<|endoftext|>`. */
  readonly text: string;
  /** Stories to score with; by default one in fifty of `text` is held out for that. */
  readonly val?: string | undefined;
  /** The model and what it is trained with; default "tiny". */
  readonly preset?: Preset | undefined;
  /** Fields of the configuration that differ from the preset's. */
  readonly config?: Partial<ModelConfig> | undefined;
  /** A vocabulary that is there already; by default one is learnt from the text. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Threads; default all cores. The result does not depend on it. */
  readonly workers?: number | undefined;
  /** Which kernels to run. */
  readonly kernels?: string | undefined;
  /** Told what goes on, in the order in which it happens. */
  readonly onProgress?: ((progress: TrainTextProgress) => void) | undefined;
  /** Ends the training soon: the result is the model so far, scored. Before the first step it is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What such a training tells while it goes on. */
export type TrainTextProgress =
  /** The text is read, and training begins. */
  | ({ readonly kind: "corpus" } & CorpusReport)
  /** A step was taken. */
  | ({
      readonly kind: "step";
      /** The model as it stands, as a file that loadModel takes. */
      readonly snapshot: () => Uint8Array;
    } & StepReport)
  /** The held-out text is being scored. */
  | {
      readonly kind: "evaluating";
      /** Tokens scored. */
      readonly done: number;
      /** Tokens that there are. */
      readonly all: number;
    };

/** A model that was trained in memory. */
export interface TrainedText {
  /** Its file, which loadModel takes: the bytes that `train` writes to model.safetensors for the same text. */
  readonly file: Uint8Array;
  /** Steps taken. */
  readonly steps: number;
  /** Whether the signal ended it before its time. */
  readonly stopped: boolean;
  /** Tokens trained on, each as often as it was. */
  readonly tokens: number;
  /** Spent in steps. */
  readonly seconds: number;
  /** Mean of the last 20 steps, nats a token. */
  readonly trainLoss: number;
  /** The score of the held-out text, which compares across vocabularies. */
  readonly valBitsPerByte: number;
  /** The same score, nats a token. */
  readonly valNatsPerToken: number;
  /** e^valNatsPerToken. */
  readonly valPerplexity: number;
}

/** What training in memory asks of a host. */
export interface TrainingHost {
  /** How many threads there are to work. */
  readonly cores: number;
  /** Who does the work, and how many. */
  crewFor(
    set: KernelSet,
    workers: number,
  ): { readonly crew: TrainingCrewFactory | undefined; readonly workers: number };
}

/**
 * Trains a model on a text in memory, on a host without files, and scores it.
 *
 * @throws OptionError, ConfigError, TextError, MemoryError for what cannot be trained; WorkerError when a worker died.
 */
export async function trainTextOn(host: TrainingHost, options: TrainTextOptions): Promise<TrainedText> {
  const { text, val, onProgress, signal } = options;
  const preset = options.preset ?? "tiny";
  const asked = deriveConfig(presetConfig(preset), options.config ?? {});
  const settings = deriveSettings(presetSettings[preset], options);
  const length = lengthAsked(options);
  const compiled = compileKernels(options.kernels);
  const threads = wholeNumber("workers", options.workers ?? host.cores, 1, 256);
  const { crew, workers } = host.crewFor(compiled.set, threads);
  signal?.throwIfAborted();
  const { tokenizer, training, validation } = await corpusOfText(
    { text, name: "text" },
    val === undefined ? undefined : { text: val, name: "val" },
    async (stories) => options.tokenizer ?? Tokenizer.fromJson(await trainVocabulary(stories, asked.vocabSize, signal)),
  );
  signal?.throwIfAborted();
  const config = { ...asked, vocabSize: tokenizer.vocabSize };
  const learner = new Learner(compiled, { config, batch: settings.batch, workers }, crew);
  const stop = () => learner.stop();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const source = ({ tokens }: TokenizedStories) => tokensInMemory(tokens, tokenizer.eos);
    const run = new Training(
      learner,
      { training: source(training), validation: { ...validation, tokens: source(validation) } },
      settings,
      length,
    );
    learner.initialise(settings.seed);
    const { stories, bytes, tokens } = training;
    onProgress?.({ kind: "corpus", config, stories, bytes, tokens: tokens.length, workers });
    const snapshot = () => snapshotOf(learner, tokenizer.json);
    const turn = sharedTurns();
    while (!run.ended && !signal?.aborted) {
      await turn();
      const report = await run.step().catch((error) => {
        if (!(error instanceof StoppedError)) throw error;
      });
      if (report) onProgress?.({ kind: "step", ...report, snapshot });
    }
    if (learner.step === 0) signal?.throwIfAborted();
    const score = await run.score(undefined, (done, all) => onProgress?.({ kind: "evaluating", done, all }));
    return {
      file: snapshot(),
      steps: learner.step,
      stopped: !run.ended,
      tokens: run.tokens,
      seconds: run.state.seconds,
      trainLoss: run.meanLoss,
      valBitsPerByte: score.bitsPerByte,
      valNatsPerToken: score.natsPerToken,
      valPerplexity: score.perplexity,
    };
  } finally {
    signal?.removeEventListener("abort", stop);
    await learner.close();
  }
}
