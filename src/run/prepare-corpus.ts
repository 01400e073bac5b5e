import { holdOut } from "../corpus/hold-out.ts";
import { splitStories } from "../corpus/stories.ts";
import { type TokenizedStories, tokenizeStories } from "../corpus/tokens.ts";
import { TextError } from "../engine/errors.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import { trainVocabulary } from "../tokenizer/train-vocabulary.ts";
import { readText } from "./read-text.ts";

/** What a run reads, in tokens. */
export interface Corpus {
  readonly tokenizer: Tokenizer;
  readonly training: TokenizedStories;
  readonly validation: TokenizedStories;
}

/**
 * Reads the texts of a run and turns them into tokens.
 *
 * @param vocabulary the size of the vocabulary to train, or the text of a tokenizer.json.
 * @throws TextError naming the text that is missing, damaged or too short.
 */
export async function prepareCorpus(
  data: string,
  val: string | undefined,
  vocabulary: number | string,
): Promise<Corpus> {
  const stories = splitStories(readText(data));
  const { train, held } = val === undefined ? holdOut(stories) : { train: stories, held: splitStories(readText(val)) };
  if (stories.length === 0) throw new TextError(`${data}: there is nothing but separators; expected stories`);
  if (held.length === 0) throw new TextError(`${val ?? data}: no text is left to score with; give one with --val`);
  if (train.length === 0) throw new TextError(`${data}: the text is too short to hold some of it out; more would do`);
  const json = typeof vocabulary === "string" ? vocabulary : await trainVocabulary(train, vocabulary);
  const tokenizer = Tokenizer.fromJson(json);
  return {
    tokenizer,
    training: tokenizeStories(train, tokenizer),
    validation: tokenizeStories(held, tokenizer),
  };
}
