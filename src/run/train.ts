import { availableParallelism } from "node:os";
import { holdOut } from "../corpus/hold-out.ts";
import { splitStories } from "../corpus/stories.ts";
import { type TokenizedStories, tokenizeStories } from "../corpus/tokens.ts";
import { WindowSampler } from "../corpus/windows.ts";
import { deriveConfig, presetConfig } from "../engine/config.ts";
import { TextError, ThunderboltError } from "../engine/errors.ts";
import { compileKernels } from "../engine/module.ts";
import { evaluateTokens } from "../inference/evaluate.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import { trainVocabulary } from "../tokenizer/train-vocabulary.ts";
import { Learner } from "../train/learner.ts";
import { learningRate } from "../train/schedule.ts";
import { deriveSettings, presetSettings, tokensPerStep } from "../train/settings.ts";
import { piscinaCrew } from "../workers/piscina-crew.ts";
import { Clock } from "./clock.ts";
import { checkIdentity, identityOf } from "./identity.ts";
import { readText } from "./read-text.ts";
import { RunFolder } from "./run-folder.ts";
import { InterruptedError, stepsAsked, type TrainOptions, type TrainResult, wholeNumber } from "./train-options.ts";

/** Steps over which the reported loss is averaged. */
const SMOOTHING = 20;

/**
 * Trains a model and saves it: tokenizer, training, score, files.
 *
 * @throws OptionError, ConfigError, TextError, MemoryError before anything is written; InterruptedError when the
 * signal ended the run.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const preset = options.preset ?? "tiny";
  const settings = deriveSettings(presetSettings[preset] ?? presetSettings.tiny, options);
  const asked = deriveConfig(presetConfig(preset), options.config ?? {});
  const workers = wholeNumber("workers", options.workers ?? availableParallelism(), 1, 256);
  const saveEvery = wholeNumber("saveEvery", options.saveEvery ?? 500, 1, 1e9);
  const compiled = compileKernels(options.kernels);
  const folder = new RunFolder(options.out);
  const saved = options.resume ? folder.load() : undefined;
  let steps = stepsAsked(options, saved?.steps);

  const text = readText(options.data);
  const stories = splitStories(text);
  const { train: trainStories, held } =
    options.val === undefined ? holdOut(stories) : { train: stories, held: splitStories(readText(options.val)) };
  const tokenizer = Tokenizer.fromJson(saved?.tokenizerJson ?? (await trainVocabulary(trainStories, asked.vocabSize)));
  const config = { ...asked, vocabSize: tokenizer.vocabSize };
  const corpus = tokenizeStories(trainStories, tokenizer);
  const validation = tokenizeStories(held, tokenizer);
  if (validation.tokens.length === 0)
    throw new TextError(`${options.val ?? options.data}: no text is left to score with; give one with --val`);
  const sampler = new WindowSampler({ tokens: corpus.tokens.length, seqLen: config.seqLen, seed: settings.seed });

  const identity = identityOf(config, settings, tokenizer, corpus);
  if (saved) checkIdentity(saved.identity, identity, options.out);
  // with too little memory the kernels' plan refuses here, before anything is written
  const learner = new Learner(compiled, { config, batch: settings.batch, workers }, options.crew ?? piscinaCrew());
  try {
    if (saved) learner.restore(saved.weights, saved.optimizer);
    else {
      folder.create(options.overwrite ?? false);
      learner.initialise(settings.seed);
    }
    options.onProgress?.({
      kind: "corpus",
      config,
      stories: corpus.stories,
      bytes: corpus.bytes,
      tokens: corpus.tokens.length,
      workers,
    });
    const clock = new Clock(saved?.seconds ?? 0);
    const losses: number[] = [];
    const mean = () => losses.reduce((a, b) => a + b, 0) / losses.length;
    const save = () => {
      const sha256 = folder.save(learner, tokenizer.json, identity, { steps: steps ?? 0, seconds: clock.seconds });
      options.onProgress?.({ kind: "saved", step: learner.step, sha256 });
      return sha256;
    };

    while (steps === undefined || learner.step < steps) {
      const step = learner.step;
      const lr = learningRate({ ...settings, steps: steps ?? Number.POSITIVE_INFINITY }, step);
      clock.start();
      const { loss, gradientNorm } = await learner.update(
        settings.accumulate,
        (micro, ids, targets) =>
          fillWindows(
            corpus,
            sampler,
            (step * settings.accumulate + micro) * settings.batch,
            settings.batch,
            config.seqLen,
            ids,
            targets,
          ),
        lr,
        settings,
      );
      clock.stop();
      if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
        throw new ThunderboltError(
          "DIVERGED",
          `the loss became ${loss} at step ${step}; a lower --lr than ${settings.lr} would do`,
        );
      }
      if (losses.push(loss) > SMOOTHING) losses.shift();
      if (steps === undefined)
        steps = clock.stepsWithin((options.minutes ?? 0) * 60, learner.step, settings.warmupSteps);
      const tokensPerSecond = tokensPerStep(config, settings) / clock.secondsPerStep;
      folder.log({
        step: learner.step,
        tokens: learner.step * tokensPerStep(config, settings),
        seconds: clock.seconds,
        loss,
        lr,
        gradientNorm,
        tokensPerSecond,
      });
      options.onProgress?.({
        kind: "step",
        step: learner.step,
        steps,
        loss: mean(),
        lr,
        gradientNorm,
        tokensPerSecond,
        seconds: clock.seconds,
      });
      if (options.signal?.aborted) {
        save();
        throw new InterruptedError(learner.step, options.out);
      }
      if (learner.step % saveEvery === 0 && learner.step !== steps) save();
    }
    const score = evaluateTokens(learner.runner, tokenizer.eos, validation.tokens, validation.bytes, "window", (done) =>
      options.onProgress?.({ kind: "evaluating", done, all: validation.tokens.length }),
    );
    const sha256 = save();
    const tokens = learner.step * tokensPerStep(config, settings);
    const result: TrainResult = {
      steps: learner.step,
      tokens,
      seconds: clock.seconds,
      tokensPerSecond: tokens / clock.seconds,
      trainLoss: mean(),
      valBitsPerByte: score.bitsPerByte,
      valNatsPerToken: score.natsPerToken,
      valPerplexity: score.perplexity,
      sha256,
    };
    folder.log(result as unknown as Record<string, unknown>);
    return result;
  } finally {
    await learner.close();
  }
}

function fillWindows(
  corpus: TokenizedStories,
  sampler: WindowSampler,
  first: number,
  batch: number,
  T: number,
  ids: Int32Array,
  targets: Int32Array,
): void {
  for (let b = 0; b < batch; b++) {
    const start = sampler.at(first + b);
    ids.set(corpus.tokens.subarray(start, start + T), b * T);
    targets.set(corpus.tokens.subarray(start + 1, start + T + 1), b * T);
  }
}
