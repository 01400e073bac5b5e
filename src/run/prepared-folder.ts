import { createHash } from "node:crypto";
import { closeSync, existsSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { type CorpusIndex, readCorpusIndex, type ShardEntry } from "../corpus/corpus-index.ts";
import { FormatError, TextError } from "../engine/errors.ts";
import { naming } from "../engine/naming.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import { readTokens } from "./shard-source.ts";

/** The names of the files beside the shards. */
export const INDEX_FILE = "index.json";
export const TOKENIZER_FILE = "tokenizer.json";

const BLOCK_TOKENS = 1 << 19;

/** What `thunderbolt prepare` wrote. */
export interface PreparedFolder {
  readonly path: string;
  readonly index: CorpusIndex;
  readonly tokenizer: Tokenizer;
}

/** Whether a path is a folder, so no text. */
export function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

/**
 * Opens a prepared folder: reads its index and its tokenizer, and looks whether all shards are there in full length.
 *
 * @throws TextError for a folder that was not prepared; FormatError naming the file that is damaged or missing.
 */
export function openPrepared(path: string): PreparedFolder {
  const indexPath = join(path, INDEX_FILE);
  if (!existsSync(indexPath)) {
    throw new TextError(
      `${path} is a folder without ${INDEX_FILE}; expected a text file, or a folder that thunderbolt prepare has finished`,
    );
  }
  const index = naming(indexPath, () => readCorpusIndex(readText(indexPath)));
  const tokenizerPath = join(path, TOKENIZER_FILE);
  const json = readText(tokenizerPath);
  const found = createHash("sha256").update(json).digest("hex");
  if (found !== index.tokenizer) throw changed(tokenizerPath, "SHA-256", found, index.tokenizer);
  const tokenizer = naming(tokenizerPath, () => Tokenizer.fromJson(json));
  if (tokenizer.vocabSize !== index.vocabSize) {
    throw changed(tokenizerPath, "number of tokens", tokenizer.vocabSize, index.vocabSize);
  }
  for (const { file, tokens } of [...index.train.shards, ...index.val.shards]) {
    const shard = join(path, file);
    const size = sizeOf(shard);
    if (size !== 2 * tokens) throw changed(shard, "length in bytes", size, 2 * tokens);
  }
  return { path, index, tokenizer };
}

/**
 * Reads all shards and compares them with the index: their hashes, their stories, and whether every token is one of
 * the vocabulary.
 *
 * @param onProgress called now and then with the bytes done.
 * @throws FormatError naming the file that has changed; the signal's reason if it comes.
 */
export async function verifyShards(
  { path, index, tokenizer }: PreparedFolder,
  signal?: AbortSignal,
  onProgress?: (done: number, all: number) => void,
): Promise<void> {
  const all = 2 * (index.train.tokens + index.val.tokens);
  let done = 0;
  for (const shard of [...index.train.shards, ...index.val.shards]) {
    const ends = index.asReleased ? 0 : shard.stories;
    await verifyShard(join(path, shard.file), shard, ends, tokenizer, async (bytes) => {
      done += bytes;
      onProgress?.(done, all);
      await setImmediate();
      signal?.throwIfAborted();
    });
  }
}

async function verifyShard(
  path: string,
  { tokens, sha256 }: ShardEntry,
  ends: number,
  { eos, vocabSize }: Tokenizer,
  onBlock: (bytes: number) => Promise<void>,
): Promise<void> {
  const hash = createHash("sha256");
  const block = new Uint16Array(Math.min(BLOCK_TOKENS, tokens));
  let ended = 0;
  let last = -1;
  const file = openSync(path, "r");
  try {
    for (let from = 0; from < tokens; from += block.length) {
      const ids = block.subarray(0, tokens - from);
      readTokens(file, path, from, ids);
      hash.update(new Uint8Array(ids.buffer, 0, ids.byteLength));
      for (let i = 0; i < ids.length; i++) {
        last = ids[i] ?? 0;
        if (last === eos) ended++;
        else if (last >= vocabSize) {
          throw new FormatError(`${path}: token ${from + i} is ${last}; the vocabulary has ${vocabSize}`);
        }
      }
      await onBlock(ids.byteLength);
    }
  } finally {
    closeSync(file);
  }
  const found = hash.digest("hex");
  if (found !== sha256) throw changed(path, "SHA-256", found, sha256);
  if (ended !== ends || (ends > 0 && last !== eos)) throw changed(path, "number of ends of stories", ended, ends);
}

function changed(path: string, what: string, found: string | number, expected: string | number): FormatError {
  return new FormatError(
    `${path}: its ${what} is ${found}, but ${INDEX_FILE} says ${expected}; prepare the text again`,
  );
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): FormatError {
  const code = (cause as NodeJS.ErrnoException).code ?? "no path";
  const reason = code === "ENOENT" ? "is missing" : `cannot be read (${code})`;
  return new FormatError(`${path} ${reason}; prepare the text again`, { cause });
}
