import { TextError } from "../engine/errors.ts";
import { byteOrderMark, decodeUtf8 } from "./utf8.ts";

/** What ends a story. */
export type StoryRule =
  /** A line that is this text and nothing else. */
  | { readonly kind: "line"; readonly text: string }
  /** So many empty lines or more; white space counts as nothing. */
  | { readonly kind: "blank"; readonly lines: number }
  /** Each line is a JSON object, and a story the text in one field of it. */
  | { readonly kind: "record"; readonly field: string };

/** A story that is longer than this, in bytes, is refused: it must fit into memory with all that is made of it. */
const MAX_STORY_BYTES = 16 * 2 ** 20;

/** What is kept of a story that has not ended may be longer by this: a separator, or blank lines, may be at its end. */
const UNFINISHED_BYTES = 2 ** 20;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Cuts one file into stories while it is read, piece by piece; a piece may end anywhere, in a character too.
 *
 * Only the unfinished story is kept. With the rule `{ kind: "line", text: "<|endoftext|>" }` the stories are those of
 * {@link splitStories}: the separator and the line break before it belong to none, and those of nothing but white
 * space are dropped.
 */
export class StorySplitter {
  readonly #name: string;
  readonly #rule: StoryRule;
  readonly #separator: Uint8Array;
  readonly #limit: number;

  /** What is not yet part of a story: bytes 0..length-1, of which `offset` is the place of the first in the file. */
  #bytes = new Uint8Array(1 << 16);
  #length = 0;
  #offset = 0;
  /** Where the unfinished story, its last line, and the blank lines at its end begin. */
  #story = 0;
  #line = 0;
  #blank = 0;
  #blankLines = 0;
  #lines = 0;
  #found: string[] = [];

  /**
   * @param name the file's name, for messages.
   * @param limit the most bytes that a story may have.
   */
  constructor(name: string, rule: StoryRule, limit = MAX_STORY_BYTES) {
    this.#name = name;
    this.#rule = rule;
    this.#separator = new TextEncoder().encode(rule.kind === "line" ? rule.text : "");
    this.#limit = limit;
  }

  /**
   * The stories that end in this piece of the file.
   *
   * @throws TextError naming the file and the place of what is not UTF-8, no such record, or a story too long.
   */
  push(piece: Uint8Array): string[] {
    this.#append(piece);
    const bytes = this.#bytes.subarray(0, this.#length);
    let end = this.#length - piece.length;
    for (;;) {
      end = bytes.indexOf(LINE_FEED, end) + 1;
      if (end === 0) break;
      this.#endLine(end);
    }
    this.#checkLength(this.#story, this.#length - UNFINISHED_BYTES);
    return this.#take();
  }

  /** The stories that end with the file. @throws TextError as {@link push}. */
  end(): string[] {
    if (this.#line < this.#length) this.#endLine(this.#length);
    if (this.#blankLines > 0 && this.#separates()) this.#endStory(this.#beforeBreak(this.#blank));
    else this.#endStory(this.#length);
    this.#story = this.#length;
    return this.#take();
  }

  /** Takes in the line that begins at #line. */
  #endLine(end: number): void {
    const start = this.#line;
    this.#line = end;
    if (this.#lines++ === 0) this.#story = byteOrderMark(this.#bytes.subarray(0, end));
    const from = Math.max(start, this.#story);
    const to = this.#beforeBreak(end);
    switch (this.#rule.kind) {
      case "line":
        if (!this.#isSeparator(from, to)) return;
        this.#endStory(this.#beforeBreak(from));
        this.#story = end;
        return;
      case "blank":
        if (this.#isBlank(from, to)) {
          if (this.#blankLines++ === 0) this.#blank = from;
          return;
        }
        if (this.#separates()) {
          this.#endStory(this.#beforeBreak(this.#blank));
          this.#story = from;
        }
        this.#blankLines = 0;
        return;
      case "record":
        this.#endRecord(from, to, this.#rule.field);
        this.#story = end;
        return;
    }
  }

  /** The story that began at #story ends before `to`, which may be before its start where there is none. */
  #endStory(to: number): void {
    if (to <= this.#story) return;
    this.#checkLength(this.#story, to);
    const text = decodeUtf8(this.#bytes.subarray(this.#story, to), this.#name, this.#offset + this.#story);
    if (text.trim() !== "") this.#found.push(text);
  }

  #endRecord(from: number, to: number, field: string): void {
    this.#checkLength(from, to);
    const line = decodeUtf8(this.#bytes.subarray(from, to), this.#name, this.#offset + from);
    if (line.trim() === "") return;
    const text = textOf(line, field);
    if (text === undefined) {
      throw new TextError(
        `${this.#name}: line ${this.#lines} (byte ${this.#offset + from}) is no JSON object with a text in its field ${JSON.stringify(field)}; expected JSON lines, or another --field`,
      );
    }
    if (text.trim() !== "") this.#found.push(text);
  }

  /** Without the line break that ends here, if one does; not before the story's start. */
  #beforeBreak(end: number): number {
    if (end <= this.#story || this.#bytes[end - 1] !== LINE_FEED) return end;
    return end - 1 > this.#story && this.#bytes[end - 2] === CARRIAGE_RETURN ? end - 2 : end - 1;
  }

  #isSeparator(from: number, to: number): boolean {
    if (to - from !== this.#separator.length) return false;
    return this.#separator.every((byte, i) => this.#bytes[from + i] === byte);
  }

  #isBlank(from: number, to: number): boolean {
    // space, and tab to carriage return
    for (let at = from; at < to; at++) {
      const byte = this.#bytes[at] ?? 0;
      if (byte !== 0x20 && (byte < 0x09 || byte > 0x0d)) return false;
    }
    return true;
  }

  #separates(): boolean {
    return this.#rule.kind === "blank" && this.#blankLines >= this.#rule.lines;
  }

  #checkLength(from: number, to: number): void {
    if (to - from <= this.#limit) return;
    throw new TextError(
      `${this.#name}: the story that begins at byte ${this.#offset + from} is longer than ${this.#limit} bytes; a --separator that this text has would cut it`,
    );
  }

  /** Makes room by forgetting the stories that have ended. */
  #append(piece: Uint8Array): void {
    const begun = this.#bytes.subarray(this.#story, this.#length);
    const needed = begun.length + piece.length;
    const bytes = needed > this.#bytes.length ? new Uint8Array(2 * needed) : this.#bytes;
    bytes.set(begun);
    bytes.set(piece, begun.length);
    this.#bytes = bytes;
    this.#offset += this.#story;
    this.#line -= this.#story;
    this.#blank -= this.#story;
    this.#story = 0;
    this.#length = needed;
  }

  #take(): string[] {
    const found = this.#found;
    this.#found = [];
    return found;
  }
}

function textOf(line: string, field: string): string | undefined {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isRecord(record) || !Object.hasOwn(record, field)) return undefined;
  const text = record[field];
  return typeof text === "string" ? text : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
