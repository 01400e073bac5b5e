import { availableParallelism } from "node:os";
import { setImmediate } from "node:timers/promises";
import { deriveConfig, presetConfig } from "../engine/config.ts";
import { OptionError } from "../engine/errors.ts";
import { compileKernels } from "../engine/module.ts";
import { naming } from "../engine/naming.ts";
import { wholeNumber } from "../engine/whole-number.ts";
import { Learner } from "../train/learner.ts";
import { lengthAsked } from "../train/length.ts";
import { deriveSettings, presetSettings } from "../train/settings.ts";
import { Training } from "../train/training.ts";
import { crewFor } from "./crew.ts";
import { thisHost } from "./host.ts";
import { checkIdentity, identityOf } from "./identity.ts";
import { type Corpus, type CorpusSide, openCorpus } from "./open-corpus.ts";
import { RecordedRun } from "./recorded-run.ts";
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
  const { data, val, out, onProgress, signal } = options;
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
  const saved = options.resume ? folder.load((message) => onProgress?.({ kind: "damaged", message })) : undefined;
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
  const learner = new Learner(compiled, { config, batch: settings.batch, workers }, crew);
  const stop = () => learner.stop();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const text = {
      training: training.tokens,
      validation: { tokens: validation.tokens, bytes: validation.bytes },
    };
    const run = new RecordedRun({
      folder,
      learner,
      training: naming(data, () => new Training(learner, text, settings, { ...saved?.progress, ...length })),
      tokenizer,
      identity,
      heldOut: validation.tokens,
      onStart: () => {
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
        if (saved) {
          const stepsBefore = saved.progress.steps;
          onProgress?.({ kind: "resumed", step: learner.step, stepsBefore, steps: length.steps });
        }
        const { stories, bytes, tokens } = training;
        onProgress?.({ kind: "corpus", config, stories, bytes, tokens: tokens.length, workers });
      },
      onProgress,
      signal,
    });
    return await run.finish(saved ?? settings.seed, saveEvery, evalEvery);
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
