import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type CorpusIndex, type Side, sideOf, writeCorpusIndex } from "../corpus/corpus-index.ts";
import { OptionError } from "../engine/errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { checkOutFolder } from "./out-folder.ts";
import { INDEX_FILE, TOKENIZER_FILE } from "./prepared-folder.ts";
import { ShardWriter, UNFINISHED } from "./shard-writer.ts";
import { writeWhole } from "./write-file.ts";

/** The names of a prepared folder's files, finished or not. */
const OURS = /^((train|val)-\d{5}\.tokens|index\.json|tokenizer\.json)(\.(\d+\.)?tmp)?$/;

/**
 * A folder while it is prepared. Shards get their names when all of them are there, and the index comes last: until
 * then what was in the folder before is as it was, and afterwards nothing looks finished that is not.
 */
export class CorpusFolder {
  readonly #path: string;
  readonly #writers: Readonly<Record<Side, ShardWriter>>;
  #created = false;

  /** @throws OptionError for a path that cannot be a folder, or holds something else than a prepared text. */
  constructor(path: string) {
    checkOutFolder(path);
    const foreign = existsSync(path) && readdirSync(path).find((name) => !OURS.test(name));
    if (foreign) throw new OptionError(`${path} holds other files (${foreign}); give a new folder as --out`);
    this.#path = path;
    this.#writers = { train: new ShardWriter(path, "train"), val: new ShardWriter(path, "val") };
  }

  /** @throws OptionError if there is a prepared text here already, or part of one. */
  refuseExisting(): void {
    const [present] = this.#present();
    if (present === undefined) return;
    const finished = existsSync(join(this.#path, INDEX_FILE));
    throw new OptionError(
      `${this.#path} holds a prepared text already (${finished ? INDEX_FILE : `unfinished: ${present}`}); replace it with --overwrite, or give another --out`,
    );
  }

  /** Where the stories to train on and those to score with are written. */
  create(): Readonly<Record<Side, ShardWriter>> {
    this.#created = !existsSync(this.#path);
    mkdirSync(this.#path, { recursive: true });
    this.#removeUnfinished();
    return this.#writers;
  }

  /** Ends the shards, and puts them, the tokenizer and the index in the place of what was here before. */
  finish(tokenizer: Tokenizer, asReleased: boolean): CorpusIndex {
    const index = {
      vocabSize: tokenizer.vocabSize,
      tokenizer: createHash("sha256").update(tokenizer.json).digest("hex"),
      asReleased,
      train: sideOf(this.#writers.train.end()),
      val: sideOf(this.#writers.val.end()),
    };
    // the index first: without it nothing here counts as prepared
    rmSync(join(this.#path, INDEX_FILE), { force: true });
    for (const name of this.#present()) if (!name.endsWith(UNFINISHED)) rmSync(join(this.#path, name));
    for (const { file } of [...index.train.shards, ...index.val.shards]) {
      renameSync(join(this.#path, file + UNFINISHED), join(this.#path, file));
    }
    const write = (name: string, text: string) => writeWhole(join(this.#path, name), [new TextEncoder().encode(text)]);
    write(TOKENIZER_FILE, tokenizer.json);
    write(INDEX_FILE, writeCorpusIndex(index));
    return index;
  }

  /** Removes what was written, after an error. */
  discard(): void {
    this.#writers.train.close();
    this.#writers.val.close();
    this.#removeUnfinished();
    if (this.#created && this.#present().length === 0) rmdirSync(this.#path);
  }

  #removeUnfinished(): void {
    for (const name of this.#present()) if (name.endsWith(UNFINISHED)) rmSync(join(this.#path, name));
  }

  #present(): string[] {
    return existsSync(this.#path) ? readdirSync(this.#path).sort() : [];
  }
}
