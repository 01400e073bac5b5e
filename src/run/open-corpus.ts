import { createHash } from "node:crypto";
import type { SideIndex } from "../corpus/corpus-index.ts";
import { splitStories } from "../corpus/stories.ts";
import { corpusOfText, nothingToScore } from "../corpus/text-corpus.ts";
import { type TokenSource, tokensInMemory } from "../corpus/token-source.ts";
import { type TokenizedStories, tokenizeStories } from "../corpus/tokens.ts";
import { OptionError } from "../engine/errors.ts";
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
  /** Change with the tokens to train on, and with those to score with. */
  readonly sha256: { readonly training: string; readonly validation: string };
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
 * that a prepared folder does not have; the signal's reason if it comes.
 */
export async function openCorpus(options: CorpusOptions): Promise<Corpus> {
  return isFolder(options.data) ? openFolder(options) : openText(options);
}

async function openText({ data, val, vocabSize, tokenizerJson, signal }: CorpusOptions): Promise<Corpus> {
  const named = (name: string) => ({ name, text: readText(name) });
  const { tokenizer, training, validation } = await corpusOfText(
    named(data),
    val === undefined ? undefined : named(val),
    async (stories) => Tokenizer.fromJson(tokenizerJson ?? (await trainVocabulary(stories, vocabSize, signal))),
  );
  return {
    tokenizer,
    vocabSize,
    training: sideOf(training, tokenizer.eos),
    validation: sideOf(validation, tokenizer.eos),
    sha256: { training: hashOf(training), validation: hashOf(validation) },
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
  const given = held && tokenizeStories(held, tokenizer, index.asReleased);
  return {
    tokenizer,
    vocabSize,
    training: { ...index.train, tokens: training },
    validation: given ? sideOf(given, eos) : { ...index.val, tokens: validation },
    sha256: { training: hashOfShards(index.train), validation: given ? hashOf(given) : hashOfShards(index.val) },
    close() {
      training.close();
      validation.close();
    },
  };
}

function sideOf({ tokens, ...counts }: TokenizedStories, eos: number | undefined): CorpusSide {
  return { tokens: tokensInMemory(tokens, eos), ...counts };
}

function hashOf({ tokens }: TokenizedStories): string {
  return createHash("sha256").update(new Uint8Array(tokens.buffer)).digest("hex");
}

function hashOfShards({ shards }: SideIndex): string {
  return createHash("sha256")
    .update(shards.map((shard) => shard.sha256).join())
    .digest("hex");
}
