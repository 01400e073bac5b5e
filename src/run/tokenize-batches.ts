import type { TokenizedSides, Tokenizing } from "../corpus/tokenizing.ts";

/** Characters of the stories that are tokenised together. */
export const BATCH_CHARACTERS = 1 << 20;

/**
 * Gets stories tokenised, batch by batch, in their order. What is in a batch depends on the stories alone.
 *
 * @param ahead how many batches may be under way at once.
 */
export async function* tokenizeBatches(
  texts: AsyncIterable<readonly string[]>,
  tokenizing: Tokenizing,
  ahead: number,
): AsyncGenerator<TokenizedSides> {
  const underWay: Promise<TokenizedSides>[] = [];
  for await (const stories of batchesOf(texts)) {
    const sides = tokenizing.run(stories);
    // a failure is told when its turn comes; where something else fails before, never
    sides.catch(() => {});
    if (underWay.push(sides) >= ahead) yield await underWay.splice(0, 1)[0];
  }
  for (const sides of underWay) yield await sides;
}

async function* batchesOf(texts: AsyncIterable<readonly string[]>): AsyncGenerator<string[]> {
  let batch: string[] = [];
  let characters = 0;
  for await (const stories of texts) {
    for (const story of stories) {
      batch.push(story);
      characters += story.length;
      if (characters < BATCH_CHARACTERS) continue;
      yield batch;
      batch = [];
      characters = 0;
    }
  }
  if (batch.length > 0) yield batch;
}
