import { TextError } from "../engine/errors.ts";
import { nextTurn } from "../engine/turns.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Session } from "./session.ts";
import type { TokenScore } from "./token-score.ts";

/** How a text is scored token by token. */
export interface ScoreOptions {
  /** How many of the likeliest tokens to name in the place of each, 0 to 100; default 0. */
  readonly alternatives?: number;
  /** Whether the text ends here: its `<eos>` is then scored too, as an evaluation does it; default false. */
  readonly end?: boolean;
  /** Ends the scoring with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A token of a text and how well it was predicted. */
export interface ScoredToken extends TokenScore {
  /** The characters that it completes; those of all tokens are the text. */
  readonly text: string;
  /** Its bytes in UTF-8, which may end inside a character; none for `<eos>`. Not to be written to. */
  readonly bytes: Uint8Array;
}

/** A text that was scored token by token. */
export interface TextScore {
  /** In the text's order, the `<eos>` last if it was asked for. */
  readonly tokens: readonly ScoredToken[];
  /** The sum of the tokens' nats. */
  readonly nats: number;
  /** Of the text in UTF-8. */
  readonly bytes: number;
  /** nats / ln 2 / bytes. */
  readonly bitsPerByte: number;
}

/** Tokens that are scored before others have a turn. */
const PART = 256;

/**
 * Scores a text as the beginning of a story, from a new session.
 *
 * @throws TextError for an empty text; OptionError for alternatives out of range.
 */
export async function scoreText(
  session: Session,
  tokenizer: Tokenizer,
  text: string,
  { alternatives = 0, end = false, signal }: ScoreOptions,
): Promise<TextScore> {
  if (text === "") throw new TextError("the text is empty; there is nothing to score");
  const { eos } = tokenizer;
  const ids = [...tokenizer.encode(text), ...(end ? [eos] : [])];
  const decoder = tokenizer.decoder();
  const tokens: ScoredToken[] = [];
  session.append([eos]);
  for (let from = 0; from < ids.length; from += PART) {
    signal?.throwIfAborted();
    for (const score of session.score(ids.slice(from, from + PART), alternatives)) {
      tokens.push({ ...score, text: decoder.push(score.id), bytes: tokenizer.bytesOf(score.id) });
    }
    await nextTurn();
  }
  const nats = tokens.reduce((sum, token) => sum + token.nats, 0);
  const bytes = new TextEncoder().encode(text).length;
  return { tokens, nats, bytes, bitsPerByte: nats / Math.LN2 / bytes };
}
