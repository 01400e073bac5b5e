import { hash32 } from "../engine/random.ts";

/** The share of the stories that is held out where nothing else is asked for. */
export const HELD_OUT_SHARE = 0.02;

/** The hash of a text is read as a two-digit number: a first digit of this base, and all the rest as the second. */
const BASE = 50;
const REST = Math.ceil(2 ** 32 / BASE);

/** A 32-bit hash of a text, one UTF-16 unit after the other. */
export function hashText(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = hash32(text.charCodeAt(i), hash);
  return hash;
}

/**
 * Whether a story is one to score with rather than to train on. Nothing decides that but its text, so the split stays
 * when stories are added, moved or repeated; a larger share holds out the same stories and more.
 *
 * @param hash the story's, by {@link hashText}.
 * @param share of all stories, 0 to 1. One in fifty are those whose hash 50 divides.
 */
export function isHeldOut(hash: number, share = HELD_OUT_SHARE): boolean {
  return (hash % BASE) + Math.floor(hash / BASE) / REST < share * BASE;
}
