import { OptionError } from "../engine/errors.ts";
import { sharedTurns } from "../engine/turns.ts";
import { BYTE_ORDER } from "./byte-symbols.ts";
import { countWords, piecesOf } from "./count-words.ts";
import { learnMerges } from "./learn-merges.ts";
import { tokenizerJson } from "./tokenizer-json.ts";
import { MAX_VOCAB_SIZE, SPECIAL_TOKENS } from "./vocabulary.ts";

/** The smallest vocabulary: the special tokens and the bytes, without any merge. */
export const MIN_VOCAB_SIZE = SPECIAL_TOKENS.length + BYTE_ORDER.length;

/**
 * Trains a byte-level BPE vocabulary and returns it as the text of a tokenizer.json.
 *
 * Ids: 4 special tokens, the 256 bytes in GPT-2's order, then merges by frequency. The same texts, in any order, give
 * the same bytes. The vocabulary comes out smaller than asked for where the texts have fewer pairs to merge. Merges do
 * not cross line breaks.
 *
 * Works on the calling thread, with pauses in which other events are heard, and reads each text once.
 *
 * @param vocabSize how many tokens, 260 to 65,536.
 * @param signal ends the training.
 * @throws OptionError for another vocabSize; the signal's reason if it comes.
 */
export async function trainVocabulary(
  texts: Iterable<string>,
  vocabSize: number,
  signal?: AbortSignal,
): Promise<string> {
  if (!Number.isInteger(vocabSize) || vocabSize < MIN_VOCAB_SIZE || vocabSize > MAX_VOCAB_SIZE) {
    throw new OptionError(`vocab ${vocabSize} is not a whole number from ${MIN_VOCAB_SIZE} to ${MAX_VOCAB_SIZE}`);
  }
  signal?.throwIfAborted();
  const turn = sharedTurns();
  const words = new Map<string, number>();
  for (const piece of piecesOf(texts)) {
    countWords(piece, words);
    await turn();
    signal?.throwIfAborted();
  }
  const merges: [string, string][] = [];
  for (const merge of learnMerges(words, vocabSize - MIN_VOCAB_SIZE)) {
    merges.push(merge);
    await turn();
    signal?.throwIfAborted();
  }
  return tokenizerJson(merges);
}
