import { createHash } from "node:crypto";
import { holdOut } from "../corpus/hold-out.ts";
import { splitStories } from "../corpus/stories.ts";
import { type TokenSource, tokensInMemory } from "../corpus/token-source.ts";
import { tokenizeStories } from "../corpus/tokens.ts";
import { OptionError, TextError } from "../engine/errors.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import { trainVocabulary } from "../tokenizer/train-vocabulary.ts";
import { isFolder, openPrepared, verifyShards } from "./prepared-folder.ts";
import { readText } from "./read-text.ts";
import { ShardSource } from "./shard-source.ts";

/** Stories in tokens, each ended by `<eos>`. */
export interface CorpusSide {
  readonly tokens: TokenSource;
  readonly stories: number;
  /** UTF-8 bytes of the stories' text. */
  readonly bytes: number;
}

/** What a run reads. */
export interface Corpus {
  readonly tokenizer: Tokenizer;
  /** Tokens of the vocabulary that were asked for; it may have come out smaller. */
  readonly vocabSize: number;
  readonly training: CorpusSide;
  readonly validation: CorpusSide;
  /** Changes with the tokens to train on. */
  readonly sha256: string;
  /** Closes what is open. */
  close(): void;
}

/** What to read, and how. */
export interface CorpusOptions {
  /** A text file, or a prepared folder. */
  readonly data: string;
  /** A text to score with. */
  readonly val: string | undefined;
  /** The size of a vocabulary to train. */
  readonly vocabSize: number;
  /** The size that was asked for in so many words: a prepared folder must have it. */
  readonly vocabGiven: number | undefined;
  /** The tokenizer of a run that goes on. */
  readonly tokenizerJson: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Opens what a run reads: a text, which is turned into tokens in memory, or a prepared folder.
 *
 * @throws TextError or FormatError naming the file that is missing, damaged or too short; OptionError for a vocabulary
 * that a prepared folder does not have.
 */
export async function openCorpus(options: CorpusOptions): Promise<Corpus> {
  return isFolder(options.data) ? openFolder(options) : openText(options);
}

async function openText({ data, val, vocabSize, tokenizerJson }: CorpusOptions): Promise<Corpus> {
  const stories = splitStories(readText(data));
  const { train, held } = val === undefined ? holdOut(stories) : { train: stories, held: splitStories(readText(val)) };
  if (stories.length === 0) throw new TextError(`${data}: there is nothing but separators; expected stories`);
  if (held.length === 0) throw nothingToScore(val ?? data);
  if (train.length === 0) throw new TextError(`${data}: the text is too short to hold some of it out; more would do`);
  const tokenizer = Tokenizer.fromJson(tokenizerJson ?? (await trainVocabulary(train, vocabSize)));
  const { tokens, ...counts } = tokenizeStories(train, tokenizer);
  return {
    tokenizer,
    vocabSize,
    training: { tokens: tokensInMemory(tokens, tokenizer.eos), ...counts },
    validation: inMemory(held, tokenizer, false),
    sha256: createHash("sha256").update(new Uint8Array(tokens.buffer)).digest("hex"),
    close() {},
  };
}

/** All shards are verified first: a damaged one would spoil hours of work, and takes seconds to find. */
async function openFolder({ data, val, vocabGiven, signal }: CorpusOptions): Promise<Corpus> {
  const folder = openPrepared(data);
  const { index, tokenizer } = folder;
  const { vocabSize } = tokenizer;
  if (vocabGiven !== undefined && vocabGiven !== vocabSize) {
    throw new OptionError(`vocab is ${vocabGiven}, but ${data} was prepared with ${vocabSize} tokens; leave it out`);
  }
  const held = val === undefined ? undefined : splitStories(readText(val));
  if ((held ?? index.val.shards).length === 0) throw nothingToScore(val ?? data);
  await verifyShards(folder, signal);
  const eos = index.asReleased ? undefined : tokenizer.eos;
  const training = new ShardSource(data, index.train, eos);
  const validation = new ShardSource(data, index.val, eos);
  return {
    tokenizer,
    vocabSize,
    training: { ...index.train, tokens: training },
    validation: held ? inMemory(held, tokenizer, index.asReleased) : { ...index.val, tokens: validation },
    sha256: createHash("sha256")
      .update(index.train.shards.map((shard) => shard.sha256).join())
      .digest("hex"),
    close() {
      training.close();
      validation.close();
    },
  };
}

function inMemory(stories: readonly string[], tokenizer: Tokenizer, asReleased: boolean): CorpusSide {
  const { tokens, ...counts } = tokenizeStories(stories, tokenizer, asReleased);
  return { tokens: tokensInMemory(tokens, asReleased ? undefined : tokenizer.eos), ...counts };
}

function nothingToScore(name: string): TextError {
  return new TextError(`${name}: no text is left to score with; give one with --val`);
}
