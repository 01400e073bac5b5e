import type { StoryRule } from "../corpus/story-splitter.ts";
import { OptionError } from "../engine/errors.ts";

/** What to prepare, and how. */
export interface PrepareOptions {
  /** Files, folders and patterns: UTF-8 text or JSON lines (.jsonl, .json), packed by gzip (.gz) or not. */
  readonly texts: readonly string[];
  /** The folder that receives the tokens. */
  readonly out: string;
  /** Tokens of the vocabulary that is learnt; default 4,096. */
  readonly vocab?: number;
  /** A tokenizer.json to take instead of learning one. */
  readonly tokenizer?: string;
  /**
   * What ends a story in plain text: `<|endoftext|>` (the default) or another line, or `blank`, or `blank:3` for three
   * blank lines or more.
   */
  readonly separator?: string;
  /**
   * Prepare the text as for the released FlashLM v5, for weights that are imported: blank lines dropped, lines joined
   * with nothing between, `<|endoftext|>` as text. Needs `tokenizer`. Default false.
   */
  readonly asReleased?: boolean;
  /** The field of a JSON line that holds a story; default "text". */
  readonly field?: string;
  /** The share of the stories that is held out to score with; default 0.02. */
  readonly valShare?: number;
  /** Bytes of text that the vocabulary is learnt from; default 16 MiB. */
  readonly sample?: number;
  /** Chooses the sample; default 0. */
  readonly seed?: number;
  /** Threads; default all cores. The result does not depend on it. */
  readonly workers?: number;
  /** Replace what was prepared in `out`. */
  readonly overwrite?: boolean;
  /** Told what goes on. */
  readonly onProgress?: (progress: PrepareProgress) => void;
  /** Ends the work, with everything as it was before. */
  readonly signal?: AbortSignal;
}

/** What preparing tells while it goes on. Bytes are counted as they lie on the disk. */
export type PrepareProgress =
  /** The files to read are known. */
  | {
      readonly kind: "found";
      /** How many. */
      readonly files: number;
      /** Of all of them. */
      readonly bytes: number;
    }
  /** A pass over the text begins. */
  | {
      readonly kind: "started";
      /** The text is read for the sample, or to write its tokens. */
      readonly work: "sampling" | "writing";
    }
  /** So much of the pass is done. */
  | {
      readonly kind: "read";
      /** Bytes read. */
      readonly done: number;
      /** Bytes that there are. */
      readonly all: number;
    }
  /** The vocabulary is being learnt. */
  | {
      readonly kind: "learning";
      /** Stories in the sample. */
      readonly stories: number;
    };

/** What was prepared. */
export interface PrepareResult {
  /** Stories, those held out included. */
  readonly stories: number;
  /** UTF-8 bytes of the stories' text. */
  readonly bytes: number;
  /** Tokens to train on. */
  readonly trainTokens: number;
  /** Tokens held out to score with. */
  readonly valTokens: number;
  /** Tokens in the vocabulary, which may be fewer than were asked for. */
  readonly vocab: number;
}

/** Reads the option `separator`. @throws OptionError for one that no line can be. */
export function readSeparator(separator: string): StoryRule {
  const blank = /^blank(?::(\d+))?$/.exec(separator);
  if (blank) {
    const lines = Number(blank[1] ?? 1);
    if (lines < 1 || lines > 1000) throw new OptionError(`separator is ${separator}; expected blank:1 to blank:1000`);
    return { kind: "blank", lines };
  }
  if (separator.trim() === "" || /[\r\n]/.test(separator)) {
    throw new OptionError(`separator is ${JSON.stringify(separator)}; it must be the text of one line, or blank`);
  }
  return { kind: "line", text: separator };
}
