import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { deriveConfig, presetConfig } from "../engine/config.ts";
import { OptionError, SaveError, WorkerError } from "../engine/errors.ts";
import { compileKernels } from "../engine/module.ts";
import { naming } from "../engine/naming.ts";
import { wholeNumber } from "../engine/whole-number.ts";
import type { Evaluation } from "../inference/evaluate.ts";
import { Learner, StoppedError } from "../train/learner.ts";
import { lengthAsked } from "../train/length.ts";
import { lookAt } from "../train/look.ts";
import { deriveSettings, presetSettings } from "../train/settings.ts";
import { Training } from "../train/training.ts";
import { crewFor } from "./crew.ts";
import { thisHost } from "./host.ts";
import { checkIdentity, identityOf } from "./identity.ts";
import { type Corpus, type CorpusSide, openCorpus } from "./open-corpus.ts";
import { isRevectorized } from "./revectorize.ts";
import type { RunDescription } from "./run-description.ts";
import { RunFolder } from "./run-folder.ts";
import { InterruptedError, type TrainOptions, type TrainResult } from "./train-options.ts";

/**
 * Trains a model and saves it: tokenizer, training, score, files.
 *
 * @throws OptionError, ConfigError, TextError, MemoryError before anything is written; InterruptedError when the
 * signal ended the run; WorkerError when a thread died; SaveError when a file could not be written.
 */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { data, val, out, signal } = options;
  const preset = options.preset ?? "tiny";
  const settings = deriveSettings(presetSettings[preset] ?? presetSettings.tiny, options);
  const asked = deriveConfig(presetConfig(preset), options.config ?? {});
  const threads = wholeNumber("workers", options.workers ?? availableParallelism(), 1, 256);
  const saveEvery = wholeNumber("saveEvery", options.saveEvery ?? 500, 1, 1e9);
  const evalEvery = options.evalEvery === undefined ? undefined : wholeNumber("evalEvery", options.evalEvery, 1, 1e9);
  const keep = wholeNumber("keep", options.keep ?? 2, 1, 1e6);
  const compiled = compileKernels(options.kernels);
  const { crew, workers } = options.crew ? { crew: options.crew, workers: threads } : crewFor(compiled.set, threads);
  if (options.resume && options.overwrite)
    throw new OptionError("resume and overwrite are both given; give one of them");
  const folder = new RunFolder(out, keep);
  const damaged = (message: string) => options.onProgress?.({ kind: "damaged", message });
  const saved = options.resume ? folder.load(damaged) : undefined;
  // before the work on a long text, not after it
  if (!saved && !options.overwrite) folder.refuseExisting();
  const length = lengthAsked(options, saved && { ...saved.progress, step: saved.optimizer.step });

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
    const describe = () =>
      folder.describe(
        { preset, data, val, config, settings, corpus: corpusFigures(corpus) },
        {
          fromStep: learner.step,
          started: new Date().toISOString(),
          workers,
          kernels: compiled.set,
          revectorize: isRevectorized(),
          ...thisHost(),
          startedBy: options.startedBy,
        },
      );
    const text = {
      training: training.tokens,
      validation: { tokens: validation.tokens, bytes: validation.bytes },
    };
    const state = { ...saved?.progress, ...length };
    const run = naming(data, () => new Training(learner, text, settings, state));
    if (saved) {
      learner.restore(saved.weights, saved.optimizer);
      folder.removeUnfinished();
      folder.metrics.rewind(learner.step, saved.progress.scored);
      folder.looks.rewind(saved.progress.scored ?? 0);
      describe();
      // a process that died after it saved the state of its best model had not written that model yet
      if (saved.progress.best?.step === learner.step) folder.saveBest(learner, tokenizer.json);
      options.onProgress?.({
        kind: "resumed",
        step: learner.step,
        stepsBefore: saved.progress.steps,
        steps: length.steps,
      });
    } else {
      folder.create();
      learner.initialise(settings.seed);
      describe();
    }
    options.onProgress?.({
      kind: "corpus",
      config,
      stories: training.stories,
      bytes: training.bytes,
      tokens: training.tokens.length,
      workers,
    });
    const save = () => {
      const sha256 = folder.save(learner, tokenizer.json, identity, run.state);
      lastSaved = learner.step;
      options.onProgress?.({ kind: "saved", step: learner.step, sha256 });
      return sha256;
    };
    const interrupted = () => {
      if (lastSaved !== learner.step) save();
      return new InterruptedError(learner.step, out);
    };
    const score = () =>
      run
        .score(signal, (done, all) => options.onProgress?.({ kind: "evaluating", done, all }))
        .catch((error) => {
          throw signal?.aborted ? interrupted() : error;
        });
    const look = async () => folder.looks.log(await lookAt(learner, tokenizer, validation.tokens));
    const keepIfBest = ({ bitsPerByte }: Evaluation) => {
      const best = run.state.best?.step === learner.step;
      options.onProgress?.({ kind: "scored", step: learner.step, bitsPerByte, best });
      if (!best) return;
      // the state first: while it is the last one, the best model can be had from it
      save();
      folder.saveBest(learner, tokenizer.json);
    };

    while (!run.ended) {
      if (run.isScoreDue(evalEvery)) {
        const evaluation = await score();
        const { bitsPerByte, natsPerToken } = evaluation;
        // before the state that says that it is done
        folder.metrics.log({ step: learner.step, valBitsPerByte: bitsPerByte, valNatsPerToken: natsPerToken });
        await look();
        keepIfBest(evaluation);
      }
      if (learner.step > 0 && learner.step % saveEvery === 0 && lastSaved !== learner.step) save();
      const report = await run.step().catch((error) => {
        // the signal came in the middle of the step, which is as if it had not begun
        throw error instanceof StoppedError ? interrupted() : error;
      });
      const { steps, meanLoss, ...line } = report;
      folder.metrics.log(line);
      options.onProgress?.({ kind: "step", ...line, steps, loss: meanLoss });
      if (signal?.aborted) throw interrupted();
    }
    // what is trained is safe before the score, which may take long
    const sha256 = save();
    const evaluation = await score();
    // one that had ended before has been looked at
    folder.looks.rewind(learner.step - 1);
    await look();
    if (evalEvery !== undefined) keepIfBest(evaluation);
    const { seconds, best } = run.state;
    const result: TrainResult = {
      steps: learner.step,
      tokens: run.tokens,
      seconds,
      tokensPerSecond: run.tokens / seconds,
      trainLoss: run.meanLoss,
      valBitsPerByte: evaluation.bitsPerByte,
      valNatsPerToken: evaluation.natsPerToken,
      valPerplexity: evaluation.perplexity,
      ...(evalEvery !== undefined && best && { best: { step: best.step, valBitsPerByte: best.bitsPerByte } }),
      sha256,
    };
    folder.metrics.log(result);
    return result;
  } catch (error) {
    if (!(error instanceof WorkerError || error instanceof SaveError)) throw error;
    const rest =
      lastSaved === undefined
        ? "nothing was saved yet"
        : `step ${lastSaved} is saved in ${out}, --resume goes on from it`;
    const Kind = error instanceof WorkerError ? WorkerError : SaveError;
    throw new Kind(`${error.message}; ${rest}`, { cause: error });
  } finally {
    signal?.removeEventListener("abort", stop);
    await learner.close();
    corpus.close();
  }
}

function corpusFigures({ training, validation, sha256 }: Corpus): RunDescription["corpus"] {
  const figures = ({ stories, bytes, tokens }: CorpusSide, hash: string) => ({
    stories,
    bytes,
    tokens: tokens.length,
    sha256: hash,
  });
  return { training: figures(training, sha256.training), heldOut: figures(validation, sha256.validation) };
}
