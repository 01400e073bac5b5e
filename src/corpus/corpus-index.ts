import { FormatError } from "../engine/errors.ts";
import { shown } from "../engine/shown.ts";
import { MAX_VOCAB_SIZE, SPECIAL_TOKENS } from "../tokenizer/vocabulary.ts";

/** What stories and text some tokens are made of. */
interface TokenCounts {
  readonly tokens: number;
  readonly stories: number;
  /** UTF-8 bytes of the stories' text. */
  readonly bytes: number;
}

/** One file of tokens: little-endian uint16, each story ended by `<eos>` unless it was prepared as in the release. */
export interface ShardEntry extends TokenCounts {
  readonly file: string;
  /** Of the file, in hex. */
  readonly sha256: string;
}

/** The stories to train on, or those to score with; the counts are the sums of its shards'. */
export interface SideIndex extends TokenCounts {
  readonly shards: readonly ShardEntry[];
}

/** The two sides of a corpus. */
export type Side = "train" | "val";

/** What index.json says of a prepared folder. */
export interface CorpusIndex {
  readonly vocabSize: number;
  /** SHA-256 of tokenizer.json, in hex. */
  readonly tokenizer: string;
  /** Whether the stories were prepared as in the release. */
  readonly asReleased: boolean;
  readonly train: SideIndex;
  readonly val: SideIndex;
}

const FORMAT = "thunderbolt-corpus";
const VERSION = 1;

/** The name of a shard, as train-00000.tokens. */
export function shardName(side: Side, number: number): string {
  return `${side}-${String(number).padStart(5, "0")}.tokens`;
}

/** A side made of these shards. */
export function sideOf(shards: readonly ShardEntry[]): SideIndex {
  const sum = (key: keyof TokenCounts) => shards.reduce((total, shard) => total + shard[key], 0);
  return { tokens: sum("tokens"), stories: sum("stories"), bytes: sum("bytes"), shards };
}

/** The text of index.json. */
export function writeCorpusIndex({ vocabSize, tokenizer, asReleased, train, val }: CorpusIndex): string {
  const index = { format: FORMAT, version: VERSION, vocabSize, tokenizer, asReleased, train, val };
  return `${JSON.stringify(index, null, 2)}\n`;
}

/**
 * Reads index.json and checks all that can be checked without the other files.
 *
 * @throws FormatError naming the first field that is at fault.
 */
export function readCorpusIndex(json: string): CorpusIndex {
  let index: unknown;
  try {
    index = JSON.parse(json);
  } catch (cause) {
    throw new FormatError("it is not JSON", { cause });
  }
  if (!isRecord(index) || index.format !== FORMAT) throw new FormatError(`it has no "format": "${FORMAT}"`);
  if (index.version !== VERSION) throw unexpected("version", index.version, String(VERSION));
  return {
    vocabSize: whole("vocabSize", index.vocabSize, SPECIAL_TOKENS.length, MAX_VOCAB_SIZE),
    tokenizer: hash("tokenizer", index.tokenizer),
    // what was prepared before there was a choice does not say
    asReleased: flag("asReleased", index.asReleased ?? false),
    train: readSide("train", index.train),
    val: readSide("val", index.val),
  };
}

function readSide(side: Side, value: unknown): SideIndex {
  if (!isRecord(value)) throw unexpected(side, value, "an object");
  if (!Array.isArray(value.shards)) throw unexpected(`${side}.shards`, value.shards, "a list");
  const found = sideOf(value.shards.map((shard: unknown, number) => readShard(side, number, shard)));
  for (const key of ["tokens", "stories", "bytes"] as const) {
    if (value[key] !== found[key])
      throw unexpected(`${side}.${key}`, value[key], `${found[key]}, the sum of its shards`);
  }
  return found;
}

function readShard(side: Side, number: number, shard: unknown): ShardEntry {
  const name = `${side}.shards[${number}]`;
  if (!isRecord(shard)) throw unexpected(name, shard, "an object");
  // a name of another form could lead out of the folder
  const file = shardName(side, number);
  if (shard.file !== file) throw unexpected(`${name}.file`, shard.file, JSON.stringify(file));
  const count = (key: keyof TokenCounts) => whole(`${name}.${key}`, shard[key], 1, Number.MAX_SAFE_INTEGER);
  return {
    file,
    tokens: count("tokens"),
    stories: count("stories"),
    bytes: count("bytes"),
    sha256: hash(`${name}.sha256`, shard.sha256),
  };
}

function whole(name: string, value: unknown, low: number, high: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= low && value <= high) return value;
  throw unexpected(name, value, `a whole number from ${low} to ${high}`);
}

function flag(name: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw unexpected(name, value, "true or false");
}

function hash(name: string, value: unknown): string {
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) return value;
  throw unexpected(name, value, "a SHA-256 in hex");
}

function unexpected(name: string, value: unknown, expected: string): FormatError {
  return new FormatError(`its ${name} is ${shown(value)}; expected ${expected}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
