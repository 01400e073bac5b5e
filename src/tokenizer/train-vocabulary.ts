import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { FormatError, OptionError, RuntimeError } from "../engine/errors.ts";
import { BYTE_ORDER, BYTE_SYMBOLS } from "./byte-symbols.ts";
import { MAX_VOCAB_SIZE, SPECIAL_TOKENS } from "./vocabulary.ts";

/** The smallest vocabulary: the special tokens and the bytes, without any merge. */
export const MIN_VOCAB_SIZE = SPECIAL_TOKENS.length + BYTE_ORDER.length;
/** Exit status of the trainer's process where the library is there but does not load, as on an unknown platform. */
const NOT_LOADED = 9;
const BATCH_CHARACTERS = 1 << 20;

const BYTE_LEVEL = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };

/**
 * Trains a byte-level BPE vocabulary and returns it as the text of a tokenizer.json.
 *
 * Ids: 4 special tokens, the 256 bytes in GPT-2's order, then merges by frequency. The same texts give the same
 * bytes, on any number of threads. The vocabulary comes out smaller than asked for where the texts have fewer pairs
 * to merge; the trainer stops at about 30,000 tokens in any case. Merges do not cross line breaks.
 *
 * Node only: texts are streamed through a temporary file to the native package `tokenizers`.
 *
 * @param vocabSize how many tokens, 260 to 65,536.
 * @throws OptionError for another vocabSize; RuntimeError if `tokenizers` is not installed or fails.
 */
export async function trainVocabulary(texts: Iterable<string>, vocabSize: number): Promise<string> {
  if (!Number.isInteger(vocabSize) || vocabSize < MIN_VOCAB_SIZE || vocabSize > MAX_VOCAB_SIZE) {
    throw new OptionError(`vocab ${vocabSize} is not a whole number from ${MIN_VOCAB_SIZE} to ${MAX_VOCAB_SIZE}`);
  }
  const library = findLibrary();
  const folder = await mkdtemp(join(tmpdir(), "thunderbolt-vocabulary-"));
  try {
    const input = join(folder, "texts.txt");
    const output = join(folder, "trained.json");
    await writeFile(input, batches(texts));
    await runTrainer(library, input, output);
    return tokenizerJson(readMerges(await readFile(output, "utf8")), vocabSize);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function findLibrary(): string {
  try {
    return createRequire(import.meta.url).resolve("tokenizers");
  } catch (cause) {
    throw missingLibrary(cause);
  }
}

function missingLibrary(cause: unknown): RuntimeError {
  return new RuntimeError("training a vocabulary needs the optional package tokenizers; run: npm install tokenizers", {
    cause,
  });
}

/** Few large writes instead of one for each story. */
function* batches(texts: Iterable<string>): Generator<string> {
  let batch = "";
  for (const text of texts) {
    batch += `${text}\n`;
    if (batch.length >= BATCH_CHARACTERS) {
      yield batch;
      batch = "";
    }
  }
  yield batch;
}

/** Trains in a process of its own, since the native code prints its progress to the standard streams. */
async function runTrainer(library: string, input: string, output: string): Promise<void> {
  const untrained = JSON.stringify({
    version: "1.0",
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: BYTE_LEVEL,
    post_processor: null,
    decoder: BYTE_LEVEL,
    model: bytePairModel([], []),
  });
  const [lib, json, from, to] = [library, untrained, input, output].map((value) => JSON.stringify(value));
  const script = `let code = ${NOT_LOADED};
    try {
      const { Tokenizer } = require(${lib});
      code = 1;
      const tokenizer = Tokenizer.fromString(${json});
      tokenizer.train([${from}]);
      tokenizer.save(${to});
    } catch (error) {
      console.error(error.message.split("\\n")[0]);
      process.exit(code);
    }`;
  try {
    await promisify(execFile)(process.execPath, ["-e", script], { maxBuffer: Number.POSITIVE_INFINITY });
  } catch (cause) {
    if (isRecord(cause) && cause.code === NOT_LOADED) throw missingLibrary(cause);
    const reason = isRecord(cause) && typeof cause.stderr === "string" ? cause.stderr.trim().split("\n").at(-1) : "";
    throw new RuntimeError(`the package tokenizers failed to train a vocabulary: ${reason || String(cause)}`, {
      cause,
    });
  }
}

function readMerges(trained: string): [string, string][] {
  const file: unknown = JSON.parse(trained);
  const merges = isRecord(file) && isRecord(file.model) ? file.model.merges : undefined;
  if (!Array.isArray(merges)) throw new FormatError("the package tokenizers saved a vocabulary without merges");
  return merges;
}

function tokenizerJson(merges: readonly [string, string][], vocabSize: number): string {
  const tokens = new Set<string>([...SPECIAL_TOKENS, ...BYTE_ORDER.map((byte) => BYTE_SYMBOLS[byte] ?? "")]);
  const used: [string, string][] = [];
  for (const [left, right] of merges) {
    if (tokens.size === vocabSize) break;
    used.push([left, right]);
    tokens.add(left + right);
  }
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: BYTE_LEVEL,
    post_processor: null,
    decoder: BYTE_LEVEL,
    model: bytePairModel([...tokens], used),
  });
}

function bytePairModel(tokens: readonly string[], merges: readonly [string, string][]): Record<string, unknown> {
  return {
    type: "BPE",
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    merges,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
