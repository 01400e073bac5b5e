import { FormatError } from "../engine/errors.ts";
import { shown } from "../engine/shown.ts";
import { BytePairs } from "./byte-pairs.ts";
import { BYTE_SYMBOLS, writeBytesOfSymbols } from "./byte-symbols.ts";

/** The special tokens; the id of each is its index. */
export const SPECIAL_TOKENS = ["<pad>", "<unk>", "<bos>", "<eos>"] as const;

/** The id of `<unk>`. */
export const UNKNOWN: number = SPECIAL_TOKENS.indexOf("<unk>");

/** Ids are stored in 16 bits. */
export const MAX_VOCAB_SIZE = 65_536;

/** What a tokenizer.json says, checked. */
export interface Vocabulary {
  /** The raw bytes of all tokens, one after the other; special tokens have none. */
  readonly bytes: Uint8Array;
  /** Where those of each id end. */
  readonly ends: Uint32Array;
  /** The id of each token that text can become, that is all but the special ones. */
  readonly ids: ReadonlyMap<string, number>;
  /** The id of each byte; of a byte that is no token, that of `<unk>`. */
  readonly byteIds: readonly number[];
  /** How the bytes of a word become tokens. */
  readonly merges: BytePairs;
  /** Whether text that does not start with a space gets one. */
  readonly addPrefixSpace: boolean;
  /** Whether a word that is in the vocabulary becomes that token without regard to merges. */
  readonly ignoreMerges: boolean;
}

/**
 * Reads a Hugging Face tokenizer.json that describes byte-level byte pair encoding.
 *
 * @throws FormatError naming the fault, for a damaged file and for what this package does not do: a normalizer, other
 * models and pre-tokenizers, more than 65,536 tokens, ids with gaps, special tokens other than 0..3.
 */
export function readVocabulary(json: string): Vocabulary {
  let file: unknown;
  try {
    file = JSON.parse(json);
  } catch (cause) {
    throw new FormatError("tokenizer.json is not JSON", { cause });
  }
  const { model, vocab, preTokenizer, added } = checkKind(file);
  const specials = readSpecials(added, vocab);
  const tokens = readTokens(vocab, specials);
  // Each token and merge is looked at once, by code that has not run yet: iterators would take 1.4 times as long.
  const ids = new Map<string, number>();
  const ends = new Uint32Array(tokens.length);
  const bytes = new Uint8Array(tokens.join("").length);
  let end = 0;
  for (let id = 0; id < tokens.length; id++) {
    const token = tokens[id] ?? "";
    if (!specials.has(token)) {
      if (!writeBytesOfSymbols(token, bytes, end)) {
        throw new FormatError(`tokenizer.json: token ${id} ${shown(token)} is not written in byte symbols`);
      }
      ids.set(token, id);
      end += token.length;
    }
    ends[id] = end;
  }
  return {
    bytes,
    ends,
    ids,
    byteIds: BYTE_SYMBOLS.map((symbol) => ids.get(symbol) ?? UNKNOWN),
    merges: readMerges(model.merges, ids, tokens.length),
    addPrefixSpace: preTokenizer.add_prefix_space === true,
    ignoreMerges: model.ignore_merges === true,
  };
}

/** The parts of a file that describes what this package does. */
function checkKind(file: unknown) {
  if (!isRecord(file)) throw new FormatError("tokenizer.json is not a JSON object");
  const { model, pre_tokenizer: preTokenizer, decoder, normalizer, added_tokens: added = [] } = file;
  if (!isRecord(model) || model.type !== "BPE")
    throw unsupported("model.type", isRecord(model) ? model.type : model, "BPE");
  if (!isRecord(preTokenizer) || preTokenizer.type !== "ByteLevel") {
    const found = isRecord(preTokenizer) ? preTokenizer.type : preTokenizer;
    throw unsupported("pre_tokenizer.type", found, "ByteLevel");
  }
  if (preTokenizer.use_regex === false) throw unsupported("pre_tokenizer.use_regex", false, "true");
  if (decoder != null && (!isRecord(decoder) || decoder.type !== "ByteLevel")) {
    throw unsupported("decoder.type", isRecord(decoder) ? decoder.type : decoder, "ByteLevel");
  }
  if (normalizer != null) throw unsupported("normalizer", normalizer, "null");
  for (const option of ["dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"]) {
    if (model[option]) throw unsupported(`model.${option}`, model[option], "null");
  }
  const { vocab } = model;
  if (!isRecord(vocab)) throw unsupported("model.vocab", vocab, "an object of ids");
  return { model, vocab, preTokenizer, added };
}

/** The ids of all special tokens: the four that must be there, wherever the file names them, and any others. */
function readSpecials(added: unknown, vocab: Record<string, unknown>): Map<string, number> {
  if (!Array.isArray(added)) throw unsupported("added_tokens", added, "a list");
  const specials = new Map<string, number>();
  for (const token of added) {
    if (!isRecord(token) || typeof token.content !== "string" || typeof token.id !== "number") {
      throw unsupported("an entry of added_tokens", token, "an object with id and content");
    }
    if (token.special !== true) throw unsupported("an entry of added_tokens", token.content, "special tokens only");
    specials.set(token.content, token.id);
  }
  for (const [id, token] of SPECIAL_TOKENS.entries()) {
    const found = specials.get(token) ?? (Object.hasOwn(vocab, token) ? vocab[token] : undefined);
    if (found !== id) throw unsupported(`the id of ${token}`, found, String(id));
    specials.set(token, id);
  }
  return specials;
}

function readTokens(vocab: Record<string, unknown>, specials: ReadonlyMap<string, number>): string[] {
  const names = Object.keys(vocab);
  for (const token of specials.keys()) if (!Object.hasOwn(vocab, token)) names.push(token);
  const size = names.length;
  if (size > MAX_VOCAB_SIZE) {
    throw new FormatError(`tokenizer.json has ${size} tokens; at most ${MAX_VOCAB_SIZE} are supported`);
  }
  const tokens: string[] = new Array(size);
  for (let i = 0; i < size; i++) {
    const token = names[i] ?? "";
    const id = specials.get(token) ?? vocab[token];
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= size || tokens[id] !== undefined) {
      throw unsupported(`the id of ${shown(token)}`, id, `each of 0..${size - 1} once`);
    }
    tokens[id] = token;
  }
  return tokens;
}

/** Merges come as "a b" in older files and as ["a", "b"] in newer ones. */
function readMerges(merges: unknown, ids: ReadonlyMap<string, number>, vocabSize: number): BytePairs {
  if (!Array.isArray(merges)) throw unsupported("model.merges", merges, "a list of pairs");
  const pairs = new BytePairs(vocabSize);
  for (let rank = 0; rank < merges.length; rank++) {
    const merge: unknown = merges[rank];
    const pair: unknown = typeof merge === "string" ? merge.split(" ") : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || typeof pair[0] !== "string" || typeof pair[1] !== "string") {
      throw unsupported(`merge ${rank}`, merge, "a pair of tokens");
    }
    const made = pair[0] + pair[1];
    const [left, right, both] = [ids.get(pair[0]), ids.get(pair[1]), ids.get(made)];
    if (left === undefined || right === undefined || both === undefined) {
      const lacking = left === undefined ? pair[0] : right === undefined ? pair[1] : made;
      throw new FormatError(`tokenizer.json: merge ${rank} needs ${shown(lacking)}, which is not in the vocabulary`);
    }
    pairs.add(left, right, both);
  }
  return pairs;
}

function unsupported(what: string, found: unknown, expected: string): FormatError {
  return new FormatError(`tokenizer.json: ${what} is ${shown(found)}; expected ${expected}`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
