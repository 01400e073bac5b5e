import { BYTE_ORDER, BYTE_SYMBOLS } from "./byte-symbols.ts";
import { SPECIAL_TOKENS } from "./vocabulary.ts";

const BYTE_LEVEL = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };

/**
 * The text of a Hugging Face tokenizer.json: special tokens, the 256 bytes in GPT-2's order, then what merges make.
 *
 * @param merges pairs of tokens in byte symbols, no two of which make the same token.
 */
export function tokenizerJson(merges: readonly (readonly [string, string])[]): string {
  const bytes = BYTE_ORDER.map((byte) => BYTE_SYMBOLS[byte] ?? "");
  const tokens = [...SPECIAL_TOKENS, ...bytes, ...merges.map(([left, right]) => left + right)];
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
    model: {
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
    },
  });
}
