import { availableParallelism } from "node:os";
import type { CorpusIndex, Side } from "../corpus/corpus-index.ts";
import { HELD_OUT_SHARE, hashText, isHeldOut } from "../corpus/lot.ts";
import { StorySample } from "../corpus/sample.ts";
import { tokenizingInPlace } from "../corpus/tokenizing.ts";
import { checkTokens } from "../corpus/windows.ts";
import { OptionError, TextError, ThunderboltError, WorkerError } from "../engine/errors.ts";
import { naming } from "../engine/naming.ts";
import { wholeNumber } from "../engine/whole-number.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import { MIN_VOCAB_SIZE, trainVocabulary } from "../tokenizer/train-vocabulary.ts";
import { MAX_VOCAB_SIZE } from "../tokenizer/vocabulary.ts";
import { piscinaTokenizing } from "../workers/piscina-tokenizing.ts";
import { CorpusFolder } from "./corpus-folder.ts";
import { findInputs, type InputFile } from "./input-files.ts";
import { type PrepareOptions, type PrepareResult, readSeparator } from "./prepare-options.ts";
import { openPrepared, verifyShards } from "./prepared-folder.ts";
import { readStories, type StoryForm } from "./read-stories.ts";
import { readText } from "./read-text.ts";
import type { ShardWriter } from "./shard-writer.ts";
import { BATCH_CHARACTERS, tokenizeBatches } from "./tokenize-batches.ts";

/** Batches that are under way for each thread: one that it works on, and one that waits for it. */
const AHEAD = 2;

/**
 * Turns a text of any size into a folder of tokens that can be trained on, without ever holding it in memory.
 *
 * The text is read twice: once for the sample that the vocabulary is learnt from (unless a tokenizer is given), and
 * once to write its tokens.
 *
 * @throws OptionError, TextError, or WorkerError when a thread died; with everything as it was before.
 */
export async function prepare(options: PrepareOptions): Promise<PrepareResult> {
  const { texts, out, signal } = options;
  const vocab = wholeNumber("vocab", options.vocab ?? 4096, MIN_VOCAB_SIZE, MAX_VOCAB_SIZE);
  const sample = wholeNumber("sample", options.sample ?? 16 * 2 ** 20, 1, 2 ** 30);
  const workers = wholeNumber("workers", options.workers ?? availableParallelism(), 1, 256);
  const seed = wholeNumber("seed", options.seed ?? 0, 0, 2 ** 32 - 1);
  const valShare = options.valShare ?? HELD_OUT_SHARE;
  if (typeof valShare !== "number" || !(valShare >= 0 && valShare < 1)) {
    throw new OptionError(`valShare is ${valShare}; it must be a number from 0 to below 1`);
  }
  if (options.tokenizer !== undefined && options.vocab !== undefined) {
    throw new OptionError(`vocab is ${vocab} and tokenizer ${options.tokenizer}; give one of them`);
  }
  const asReleased = options.asReleased ?? false;
  if (asReleased && options.tokenizer === undefined) {
    throw new OptionError(
      "asReleased is true without a tokenizer; give the tokenizer.json that the weights were trained with",
    );
  }
  const form = { separator: readSeparator(options.separator ?? "<|endoftext|>"), field: options.field ?? "text" };
  if (texts.length === 0) throw new OptionError("no text is given; expected files, folders or patterns");
  const folder = new CorpusFolder(out);
  if (!options.overwrite) folder.refuseExisting();
  const files = findInputs(texts, out);
  const work = {
    ...options,
    form,
    files,
    all: files.reduce((sum, file) => sum + file.bytes, 0),
    valShare,
    workers,
    asReleased,
  };
  options.onProgress?.({ kind: "found", files: files.length, bytes: work.all });
  try {
    const json = options.tokenizer === undefined ? await learn(work, vocab, sample, seed) : readText(options.tokenizer);
    const tokenizer = naming(options.tokenizer ?? "tokenizer", () => Tokenizer.fromJson(json));
    await write(work, tokenizer, folder.create());
    signal?.throwIfAborted();
    return resultOf(folder.finish(tokenizer, asReleased));
  } catch (error) {
    folder.discard();
    if (signal?.aborted) throw new ThunderboltError("INTERRUPTED", `stopped; ${out} is as it was before`);
    if (!(error instanceof WorkerError)) throw error;
    throw new WorkerError(`${error.message}; ${out} is as it was before`, { cause: error });
  }
}

/**
 * Compares every byte of a prepared folder with its index.
 *
 * @throws TextError for a folder that was not prepared; FormatError naming the file that has changed.
 */
export async function verifyPrepared(
  path: string,
  onProgress?: (done: number, all: number) => void,
): Promise<PrepareResult> {
  const folder = openPrepared(path);
  await verifyShards(folder, undefined, onProgress);
  return resultOf(folder.index);
}

interface Work extends PrepareOptions {
  readonly files: readonly InputFile[];
  readonly form: StoryForm;
  /** Bytes of all files. */
  readonly all: number;
  readonly valShare: number;
  readonly workers: number;
  readonly asReleased: boolean;
}

/** Learns a vocabulary from a sample of the stories to train on, as the text of a tokenizer.json. */
async function learn(work: Work, vocab: number, size: number, seed: number): Promise<string> {
  const sample = new StorySample(size, seed);
  for await (const stories of storiesOf(work, "sampling")) {
    for (const story of stories) {
      const hash = hashText(story);
      if (!isHeldOut(hash, work.valShare)) sample.offer(story, hash);
    }
  }
  const stories = sample.stories();
  if (stories.length === 0) throw nothingToTrainOn(work);
  work.onProgress?.({ kind: "learning", stories: stories.length });
  return trainVocabulary(stories, vocab, work.signal);
}

async function write(work: Work, { json }: Tokenizer, writers: Readonly<Record<Side, ShardWriter>>): Promise<void> {
  const { valShare, asReleased } = work;
  const job = { tokenizerJson: json, valShare, asReleased };
  // a text of one batch is done before a thread has started
  const workers = Math.min(work.workers, Math.ceil(work.all / BATCH_CHARACTERS));
  const tokenizing = workers > 1 ? piscinaTokenizing(job, workers) : tokenizingInPlace(job);
  let trainTokens = 0;
  try {
    for await (const sides of tokenizeBatches(storiesOf(work, "writing"), tokenizing, AHEAD * workers)) {
      trainTokens += sides.train.tokens.length;
      // what train would refuse in the end
      checkTokens(trainTokens);
      writers.train.write(sides.train);
      writers.val.write(sides.val);
    }
  } finally {
    await tokenizing.close();
  }
  if (trainTokens === 0) throw nothingToTrainOn(work);
}

function storiesOf({ files, form, all, signal, onProgress }: Work, work: "sampling" | "writing") {
  onProgress?.({ kind: "started", work });
  return readStories(files, form, signal, (done) => onProgress?.({ kind: "read", done, all }));
}

function nothingToTrainOn({ texts, valShare }: Work): TextError {
  return new TextError(
    `${texts.join(", ")}: there are no stories to train on; more text would do, or a --val-share below ${valShare}`,
  );
}

function resultOf({ vocabSize, train, val }: CorpusIndex): PrepareResult {
  return {
    stories: train.stories + val.stories,
    bytes: train.bytes + val.bytes,
    trainTokens: train.tokens,
    valTokens: val.tokens,
    vocab: vocabSize,
  };
}
