import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { SideIndex } from "../corpus/corpus-index.ts";
import type { TokenSource } from "../corpus/token-source.ts";
import { FormatError } from "../engine/errors.ts";

/**
 * The tokens of all shards of one side, one after the other. Each read goes to the file: a window is a kilobyte, and
 * what is read often the operating system keeps, so that nothing more need be kept here.
 */
export class ShardSource implements TokenSource {
  readonly length: number;
  readonly eos: number | undefined;
  readonly #shards: { readonly path: string; readonly from: number; readonly to: number; file?: number }[] = [];

  /** @param eos what ends each story, if anything does. */
  constructor(folder: string, side: SideIndex, eos: number | undefined) {
    let from = 0;
    for (const { file, tokens } of side.shards) {
      this.#shards.push({ path: join(folder, file), from, to: from + tokens });
      from += tokens;
    }
    this.length = from;
    this.eos = eos;
  }

  /** @throws FormatError for a shard that has become shorter. */
  read(from: number, into: Uint16Array): void {
    const end = from + into.length;
    for (const shard of this.#shards) {
      const first = Math.max(from, shard.from);
      const last = Math.min(end, shard.to);
      if (first >= last) continue;
      shard.file ??= openSync(shard.path, "r");
      readTokens(shard.file, shard.path, first - shard.from, into.subarray(first - from, last - from));
    }
  }

  /** Closes the files; a later read opens them again. */
  close(): void {
    for (const shard of this.#shards) {
      if (shard.file !== undefined) closeSync(shard.file);
      shard.file = undefined;
    }
  }
}

/** Reads tokens of an open file; hosts are little-endian like the file. @throws FormatError where it ends before. */
export function readTokens(file: number, path: string, from: number, into: Uint16Array): void {
  const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const count = readSync(file, bytes, at, bytes.length - at, 2 * from + at);
    if (count === 0) throw new FormatError(`${path} ends at byte ${2 * from + at}; it was longer when it was opened`);
    at += count;
  }
}
