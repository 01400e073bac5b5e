import { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Side } from "./corpus-index.ts";
import { hashText, isHeldOut } from "./lot.ts";
import { type TokenizedStories, tokenizeStories } from "./tokens.ts";

/** How the stories of a corpus become tokens. */
export interface TokenizingJob {
  readonly tokenizerJson: string;
  /** The share of the stories that is held out. */
  readonly valShare: number;
  /** Whether they are prepared as in the release. */
  readonly asReleased: boolean;
}

/** Tokens of the stories to train on and of those to score with. */
export type TokenizedSides = Readonly<Record<Side, TokenizedStories>>;

/** Those who do such a job, whoever they are: threads of a pool, or the calling thread alone. */
export interface Tokenizing {
  /** Tokenises some stories: a piece of work that depends on nothing but them. */
  run(stories: readonly string[]): Promise<TokenizedSides>;
  close(): Promise<void>;
}

/** The function that does the job on the calling thread. */
export function sidesTokenizer({
  tokenizerJson,
  valShare,
  asReleased,
}: TokenizingJob): (stories: Iterable<string>) => TokenizedSides {
  const tokenizer = Tokenizer.fromJson(tokenizerJson);
  return (stories) => {
    const sides: Record<Side, string[]> = { train: [], val: [] };
    for (const story of stories) sides[isHeldOut(hashText(story), valShare) ? "val" : "train"].push(story);
    return {
      train: tokenizeStories(sides.train, tokenizer, asReleased),
      val: tokenizeStories(sides.val, tokenizer, asReleased),
    };
  };
}

/** The calling thread alone. */
export function tokenizingInPlace(job: TokenizingJob): Tokenizing {
  const tokenize = sidesTokenizer(job);
  return { run: async (stories) => tokenize(stories), close: async () => {} };
}
