import { BYTE_ORDER, BYTE_SYMBOLS } from "../src/tokenizer/byte-symbols.ts";
import { SPECIAL_TOKENS } from "../src/tokenizer/vocabulary.ts";

/** The smallest tokenizer.json: special tokens and bytes, so that every byte of a text is a token of its own. */
export const byteVocabulary: string = JSON.stringify({
  added_tokens: SPECIAL_TOKENS.map((content, id) => ({ id, content, special: true })),
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false },
  decoder: { type: "ByteLevel" },
  model: {
    type: "BPE",
    vocab: Object.fromEntries(
      [...SPECIAL_TOKENS, ...BYTE_ORDER.map((byte) => BYTE_SYMBOLS[byte])].map((token, id) => [token, id]),
    ),
    merges: [],
  },
});
