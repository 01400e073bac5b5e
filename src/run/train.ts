import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import type { TokenSource } from "../corpus/token-source.ts";
import { WindowSampler } from "../corpus/windows.ts";
import { deriveConfig, presetConfig } from "../engine/config.ts";
import { OptionError, ThunderboltError, WorkerError } from "../engine/errors.ts";
import { compileKernels } from "../engine/module.ts";
import { naming } from "../engine/naming.ts";
import { evaluateTokens } from "../inference/evaluate.ts";
import { type FillBatch, Learner, StoppedError } from "../train/learner.ts";
import { learningRate } from "../train/schedule.ts";
import { deriveSettings, presetSettings, tokensPerStep } from "../train/settings.ts";
import { Clock } from "./clock.ts";
import { crewFor } from "./crew.ts";
import { checkIdentity, identityOf } from "./identity.ts";
import { openCorpus } from "./open-corpus.ts";
import { RunFolder } from "./run-folder.ts";
import { InterruptedError, lengthAsked, type TrainOptions, type TrainResult, wholeNumber } from "./train-options.ts";

/** Steps over which the reported loss is averaged. */
const SMOOTHING = 20;

/**
 * Trains a model and saves it: tokenizer, training, score, files.
 *
 * @throws OptionError, ConfigError, TextError, MemoryError before anything is written; InterruptedError when the
 * signal ended the run; WorkerError when a thread died.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { data, val, out, signal } = options;
  const preset = options.preset ?? "tiny";
  const settings = deriveSettings(presetSettings[preset] ?? presetSettings.tiny, options);
  const asked = deriveConfig(presetConfig(preset), options.config ?? {});
  const threads = wholeNumber("workers", options.workers ?? availableParallelism(), 1, 256);
  const saveEvery = wholeNumber("saveEvery", options.saveEvery ?? 500, 1, 1e9);
  const compiled = compileKernels(options.kernels);
  const { crew, workers } = options.crew ? { crew: options.crew, workers: threads } : crewFor(compiled.set, threads);
  if (options.resume && options.overwrite)
    throw new OptionError("resume and overwrite are both given; give one of them");
  const folder = new RunFolder(out);
  const saved = options.resume ? folder.load() : undefined;
  // before the work on a long text, not after it
  if (!saved && !options.overwrite) folder.refuseExisting();
  const length = lengthAsked(options, saved && { ...saved.progress, step: saved.optimizer.step });
  let { steps } = length;

  const corpus = await openCorpus({
    data,
    val,
    vocabSize: asked.vocabSize,
    vocabGiven: options.config?.vocabSize,
    tokenizerJson: saved?.tokenizerJson,
    signal,
  }).catch((error) => {
    throw signal?.aborted ? new InterruptedError(saved?.optimizer.step, out) : error;
  });
  const { tokenizer, training, validation } = corpus;
  const config = { ...asked, vocabSize: tokenizer.vocabSize };
  const sampler = naming(
    data,
    () => new WindowSampler({ tokens: training.tokens.length, seqLen: config.seqLen, seed: settings.seed }),
  );
  const identity = identityOf({ ...asked, vocabSize: corpus.vocabSize }, settings, tokenizer, corpus.sha256);
  if (saved) checkIdentity(saved.identity, identity, out);
  // a signal that came meanwhile is heard now, while nothing has been written
  await setImmediate();
  if (signal?.aborted) throw new InterruptedError(saved?.optimizer.step, out);
  // with too little memory the kernels' plan refuses here, before anything is written
  let lastSaved = saved?.optimizer.step;
  const learner = new Learner(compiled, { config, batch: settings.batch, workers }, crew);
  const stop = () => learner.stop();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    if (saved) {
      learner.restore(saved.weights, saved.optimizer);
      folder.metrics.rewind(learner.step);
      options.onProgress?.({ kind: "resumed", step: learner.step, stepsBefore: saved.progress.steps, steps });
    } else {
      folder.create();
      learner.initialise(settings.seed);
    }
    options.onProgress?.({
      kind: "corpus",
      config,
      stories: training.stories,
      bytes: training.bytes,
      tokens: training.tokens.length,
      workers,
    });
    const clock = new Clock(saved?.progress.seconds ?? 0);
    const losses = [...(saved?.progress.losses ?? [])];
    const mean = () => losses.reduce((a, b) => a + b, 0) / losses.length;
    const save = () => {
      const progress = { steps, minutes: length.minutes, seconds: clock.seconds, losses };
      const sha256 = folder.save(learner, tokenizer.json, identity, progress);
      lastSaved = learner.step;
      options.onProgress?.({ kind: "saved", step: learner.step, sha256 });
      return sha256;
    };

    while (steps === undefined || learner.step < steps) {
      const step = learner.step;
      const lr = learningRate({ ...settings, steps: steps ?? Number.POSITIVE_INFINITY }, step);
      const fill: FillBatch = (micro, ids, targets) =>
        fillWindows(
          training.tokens,
          sampler,
          (step * settings.accumulate + micro) * settings.batch,
          settings.batch,
          config.seqLen,
          ids,
          targets,
        );
      clock.start();
      const { loss, gradientNorm } = await learner.update(settings.accumulate, fill, lr, settings).catch((error) => {
        if (!(error instanceof StoppedError)) throw error;
        // the signal came in the middle of the step, which is as if it had not begun
        save();
        throw new InterruptedError(learner.step, out);
      });
      clock.stop();
      if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
        throw new ThunderboltError(
          "DIVERGED",
          `the loss became ${loss} at step ${step}; a lower --lr than ${settings.lr} would do`,
        );
      }
      if (losses.push(loss) > SMOOTHING) losses.shift();
      if (steps === undefined)
        steps = clock.stepsWithin((length.minutes ?? 0) * 60, learner.step, settings.warmupSteps);
      const tokensPerSecond = tokensPerStep(config, settings) / clock.secondsPerStep;
      folder.metrics.log({
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
      if (signal?.aborted) {
        save();
        throw new InterruptedError(learner.step, out);
      }
      if (learner.step % saveEvery === 0 && learner.step !== steps) save();
    }
    // what is trained is safe before the score, which may take long and cannot be interrupted
    const sha256 = save();
    const all = validation.tokens.length;
    const scored = (done: number) => options.onProgress?.({ kind: "evaluating", done, all });
    scored(0);
    const text = { tokens: validation.tokens, bytes: validation.bytes, eos: tokenizer.eos };
    const score = await evaluateTokens((job) => learner.score(job), config, text, "window", scored);
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
    folder.metrics.log(result);
    return result;
  } catch (error) {
    if (!(error instanceof WorkerError)) throw error;
    const rest =
      lastSaved === undefined
        ? "nothing was saved yet"
        : `step ${lastSaved} is saved in ${out}, --resume goes on from it`;
    throw new WorkerError(`${error.message}; ${rest}`, { cause: error });
  } finally {
    signal?.removeEventListener("abort", stop);
    await learner.close();
    corpus.close();
  }
}

function fillWindows(
  tokens: TokenSource,
  sampler: WindowSampler,
  first: number,
  batch: number,
  T: number,
  ids: Int32Array,
  targets: Int32Array,
): void {
  const window = new Uint16Array(T + 1);
  for (let b = 0; b < batch; b++) {
    tokens.read(sampler.at(first + b), window);
    ids.set(window.subarray(0, T), b * T);
    targets.set(window.subarray(1), b * T);
  }
}
