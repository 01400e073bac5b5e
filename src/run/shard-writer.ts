import { createHash, type Hash } from "node:crypto";
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { type ShardEntry, type Side, shardName } from "../corpus/corpus-index.ts";
import type { TokenizedStories } from "../corpus/tokens.ts";

/** What the name of a file has at its end until all files are written. */
export const UNFINISHED = ".tmp";

const MAX_SHARD_TOKENS = 2 ** 25;

/** Writes the tokens of one side into shards of at most 64 MiB, under names that say that they are unfinished. */
export class ShardWriter {
  readonly #folder: string;
  readonly #side: Side;
  readonly #maxTokens: number;
  readonly #shards: ShardEntry[] = [];
  #open: { file: number; hash: Hash; tokens: number; stories: number; bytes: number } | undefined;

  constructor(folder: string, side: Side, maxTokens = MAX_SHARD_TOKENS) {
    this.#folder = folder;
    this.#side = side;
    this.#maxTokens = maxTokens;
  }

  /** Writes some stories; a shard ends before those that it has no room for, so that no story is cut in two. */
  write({ tokens, stories, bytes }: TokenizedStories): void {
    if (stories === 0) return;
    if (this.#open && this.#open.tokens + tokens.length > this.#maxTokens) this.#endShard();
    this.#open ??= { file: openSync(this.#path(), "w"), hash: createHash("sha256"), tokens: 0, stories: 0, bytes: 0 };
    // hosts are little-endian like the file
    const data = new Uint8Array(tokens.buffer, tokens.byteOffset, tokens.byteLength);
    for (let at = 0; at < data.length; ) at += writeSync(this.#open.file, data, at);
    this.#open.hash.update(data);
    this.#open.tokens += tokens.length;
    this.#open.stories += stories;
    this.#open.bytes += bytes;
  }

  /** Ends the last shard and gives all of them. */
  end(): ShardEntry[] {
    this.#endShard();
    return this.#shards;
  }

  /** Closes what is open after an error. */
  close(): void {
    if (this.#open) closeSync(this.#open.file);
    this.#open = undefined;
  }

  #endShard(): void {
    if (!this.#open) return;
    const { file, hash, tokens, stories, bytes } = this.#open;
    fsyncSync(file);
    this.close();
    const sha256 = hash.digest("hex");
    this.#shards.push({ file: shardName(this.#side, this.#shards.length), tokens, stories, bytes, sha256 });
  }

  #path(): string {
    return join(this.#folder, shardName(this.#side, this.#shards.length) + UNFINISHED);
  }
}
