import { TextError } from "../engine/errors.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { holdOut } from "./hold-out.ts";
import { splitStories } from "./stories.ts";
import { type TokenizedStories, tokenizeStories } from "./tokens.ts";

/** A text in memory, ready to train on. */
export interface TextCorpus {
  readonly tokenizer: Tokenizer;
  readonly training: TokenizedStories;
  /** What is held out to score with. */
  readonly validation: TokenizedStories;
}

/** A text, and what messages call it. */
export interface NamedText {
  readonly text: string;
  readonly name: string;
}

/**
 * Turns a text into tokens: its stories to train on, and those of another text to score with, or else one in fifty of
 * its own (hold-out.ts).
 *
 * @param tokenizerFor learns a vocabulary from the stories to train on, or gives one that there is.
 * @throws TextError naming the text that has no story, or too few.
 */
export async function corpusOfText(
  { text, name }: NamedText,
  val: NamedText | undefined,
  tokenizerFor: (stories: readonly string[]) => Promise<Tokenizer>,
): Promise<TextCorpus> {
  const stories = splitStories(text);
  const { train, held } = val === undefined ? holdOut(stories) : { train: stories, held: splitStories(val.text) };
  if (stories.length === 0) throw new TextError(`${name}: there is nothing but separators; expected stories`);
  if (held.length === 0) throw nothingToScore(val?.name ?? name);
  if (train.length === 0) throw new TextError(`${name}: the text is too short to hold some of it out; more would do`);
  const tokenizer = await tokenizerFor(train);
  return {
    tokenizer,
    training: tokenizeStories(train, tokenizer),
    validation: tokenizeStories(held, tokenizer),
  };
}

/** What to say where no story is left to score with. */
export function nothingToScore(name: string): TextError {
  return new TextError(`${name}: no text is left to score with; give one with --val`);
}
