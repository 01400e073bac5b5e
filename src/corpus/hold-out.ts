import { hashText, isHeldOut } from "./lot.ts";

/** With fewer stories than this, the end of the text is held out instead. */
const ENOUGH_STORIES = 200;

/**
 * Splits stories into those to train on and those to score with, where no text for that is given: one in fifty, by
 * a hash of its text, so that the split stays when stories are added. A text of few stories loses its last twentieth.
 */
export function holdOut(stories: readonly string[]): { train: string[]; held: string[] } {
  if (stories.length >= ENOUGH_STORIES) {
    const train: string[] = [];
    const held: string[] = [];
    for (const story of stories) (isHeldOut(hashText(story)) ? held : train).push(story);
    return { train, held };
  }
  const length = stories.reduce((sum, story) => sum + story.length, 0);
  let left = Math.floor(length * 0.95);
  const train: string[] = [];
  const held: string[] = [];
  for (const story of stories) {
    // between words, so that no character is cut in two
    const cut = left >= story.length ? story.length : Math.max(0, story.lastIndexOf(" ", left));
    if (cut > 0) train.push(story.slice(0, cut));
    if (cut < story.length) held.push(story.slice(cut));
    left = cut < story.length ? 0 : left - cut;
  }
  return { train, held };
}
