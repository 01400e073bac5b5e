import { move, transferableSymbol, valueSymbol, workerData } from "piscina";
import { sidesTokenizer } from "../corpus/tokenizing.ts";

const tokenize = sidesTokenizer(workerData);

/** What a thread of the pool does: tokenises some stories, and hands the tokens over without copying them. */
export default function work(stories: readonly string[]): unknown {
  const sides = tokenize(stories);
  const buffers = [sides.train.tokens.buffer, sides.val.tokens.buffer];
  return move({ [transferableSymbol]: buffers, [valueSymbol]: sides });
}
