import { OptionError } from "../engine/errors.ts";
import { symbolsOfBytes } from "./byte-symbols.ts";
import { readVocabulary, SPECIAL_TOKENS, UNKNOWN, type Vocabulary } from "./vocabulary.ts";

/** GPT-2's rule for what counts as a word: merges never cross its edges. Every character belongs to one word. */
const WORDS = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** Text has few different words: 65,536 of at most 64 characters cover it, and bound the cache at some megabytes. */
const MAX_CACHED_WORDS = 65_536;
const MAX_CACHED_LENGTH = 64;

const utf8 = new TextEncoder();

/** Text to token ids and back, by byte-level byte pair encoding; made with {@link Tokenizer.fromJson}. */
export class Tokenizer {
  /** The tokenizer.json that this was made from. */
  readonly json: string;
  /** How many ids there are: 0..vocabSize-1. */
  readonly vocabSize: number;
  /** Bytes of the longest token: a text has no fewer tokens than its length in bytes divided by this. */
  readonly longestToken: number;
  /** The id of `<eos>`, which ends every story. */
  readonly eos: number = SPECIAL_TOKENS.indexOf("<eos>");

  readonly #vocabulary: Vocabulary;
  /** Ids of the words seen; a word of one token, the usual case, as a plain number. */
  readonly #cache = new Map<string, number | readonly number[]>();

  private constructor(json: string) {
    this.json = json;
    this.#vocabulary = readVocabulary(json);
    const { ends } = this.#vocabulary;
    this.vocabSize = ends.length;
    this.longestToken = ends.reduce((longest, end, id) => Math.max(longest, end - (ends[id - 1] ?? 0)), 0);
  }

  /**
   * Makes a tokenizer from the text of a Hugging Face tokenizer.json (byte-level BPE, special tokens 0..3).
   *
   * @throws FormatError for a damaged file and for kinds of tokenizer that are not supported.
   */
  static fromJson(text: string): Tokenizer {
    return new Tokenizer(text);
  }

  /**
   * The ids of a text; special tokens are neither added nor recognised.
   *
   * A byte that the vocabulary lacks (only vocabularies from elsewhere lack any) becomes `<unk>`.
   */
  encode(text: string): number[] {
    const prefixed = this.#vocabulary.addPrefixSpace && text !== "" && !text.startsWith(" ") ? ` ${text}` : text;
    const out: number[] = [];
    // Words tile the text, so the end of each match is all there is to know; a long text needs no list of its words.
    let start = 0;
    WORDS.lastIndex = 0;
    while (WORDS.test(prefixed)) {
      const word = prefixed.slice(start, WORDS.lastIndex);
      start = WORDS.lastIndex;
      const ids = this.#cache.get(word) ?? this.#encodeWord(word);
      if (typeof ids === "number") out.push(ids);
      else for (const id of ids) out.push(id);
    }
    return out;
  }

  /**
   * The text of some ids: special tokens give nothing, bytes that are not UTF-8 give U+FFFD.
   *
   * @throws OptionError for an id outside 0..vocabSize-1.
   */
  decode(ids: Iterable<number>): string {
    const parts: Uint8Array[] = [];
    let length = 0;
    for (const id of ids) {
      const part = this.bytesOf(id);
      parts.push(part);
      length += part.length;
    }
    const bytes = new Uint8Array(length);
    let offset = 0;
    for (const part of parts) {
      bytes.set(part, offset);
      offset += part.length;
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  }

  /**
   * The raw bytes of one token, none for a special token; not to be written to.
   *
   * @throws OptionError for an id outside 0..vocabSize-1.
   */
  bytesOf(id: number): Uint8Array {
    const { bytes, ends } = this.#vocabulary;
    const end = ends[id];
    if (end === undefined)
      throw new OptionError(`token id ${id} is not in the vocabulary; expected 0..${this.vocabSize - 1}`);
    return bytes.subarray(ends[id - 1] ?? 0, end);
  }

  /** A decoder for tokens that arrive one by one. */
  decoder(): TokenDecoder {
    return new TokenDecoder(this);
  }

  #encodeWord(word: string): number | readonly number[] {
    const bytes = utf8.encode(word);
    const { ids: idOf, byteIds, merges, ignoreMerges } = this.#vocabulary;
    const whole = ignoreMerges ? idOf.get(symbolsOfBytes(bytes)) : undefined;
    const ids = whole === undefined ? merges.encode(Array.from(bytes, (byte) => byteIds[byte] ?? UNKNOWN)) : [whole];
    const [first] = ids;
    const entry = ids.length === 1 && first !== undefined ? first : ids;
    if (word.length <= MAX_CACHED_LENGTH) {
      if (this.#cache.size >= MAX_CACHED_WORDS) this.#cache.clear();
      // The word is a slice that would keep the whole text in memory; its bytes give a string of its own.
      this.#cache.set(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes), entry);
    }
    return entry;
  }
}

/** Decodes tokens one by one without ever splitting a character; made with {@link Tokenizer.decoder}. */
export class TokenDecoder {
  readonly #tokenizer: Tokenizer;
  readonly #utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
  }

  /**
   * The text that this token completes; empty while a character is unfinished.
   *
   * @throws OptionError for an id outside the vocabulary.
   */
  push(id: number): string {
    return this.#utf8.decode(this.#tokenizer.bytesOf(id), { stream: true });
  }

  /** Ends the text: U+FFFD if a character is unfinished, else nothing. The decoder is then as new. */
  flush(): string {
    return this.#utf8.decode();
  }
}
