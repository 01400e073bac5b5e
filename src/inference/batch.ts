import type { Continuation, Piece } from "./continuation.ts";
import type { Prompt } from "./prompt.ts";
import { Session } from "./session.ts";

interface Text {
  readonly prompt: Prompt;
  readonly continuation: Continuation;
  /** Once the prompt has been read. */
  session?: Session;
}

/**
 * Texts that grow side by side, a token each at every step, all of them in one pass through the model. They join and
 * leave between any two steps, and each is the text that it would be alone.
 */
export class Batch<Key> {
  readonly #places: number;
  readonly #promptTokens: number;
  readonly #texts = new Map<Key, Text>();
  /** Prompts that are still to be read, the next one first. */
  #unread: Prompt[] = [];

  /**
   * @param places how many texts there is room for
   * @param promptTokens how many tokens of prompts are read in a step at most, so that those who write wait no longer
   */
  constructor(places: number, promptTokens = Number.POSITIVE_INFINITY) {
    this.#places = places;
    this.#promptTokens = promptTokens;
  }

  /** How many texts there are. */
  get size(): number {
    return this.#texts.size;
  }

  /** How many more there is room for. */
  get free(): number {
    return this.#places - this.#texts.size;
  }

  /** Takes in a text, under a key that is its own. Texts that share a prompt have it read once. */
  join(key: Key, prompt: Prompt, continuation: Continuation): void {
    this.#texts.set(key, { prompt, continuation });
    if (!prompt.isRead && !this.#unread.includes(prompt)) this.#unread.push(prompt);
  }

  /** Lets a text go before its end, if it is there. */
  leave(key: Key): void {
    const text = this.#texts.get(key);
    if (!text) return;
    this.#texts.delete(key);
    const wanted = new Set(Array.from(this.#texts.values(), ({ prompt }) => prompt));
    this.#unread = this.#unread.filter((prompt) => wanted.has(prompt));
  }

  /** Lets all texts go. @returns their keys. */
  clear(): Key[] {
    const keys = [...this.#texts.keys()];
    this.#texts.clear();
    this.#unread = [];
    return keys;
  }

  /** Writes each text on by a token, as soon as its prompt has been read. Gives what there is to tell of each. */
  step(): [Key, Piece][] {
    this.#readPrompts();
    this.#readTokens();
    const told: [Key, Piece][] = [];
    for (const [key, text] of this.#texts) {
      const { prompt, continuation } = text;
      if (!prompt.isRead) continue;
      text.session ??= prompt.session();
      const piece = continuation.step(text.session.logits);
      if (piece) told.push([key, piece]);
      if (continuation.ended) this.#texts.delete(key);
    }
    return told;
  }

  /** Reads prompts on. One that is not done then goes to the end of the line, so that no short one waits for it. */
  #readPrompts(): void {
    for (let left = this.#promptTokens; left > 0; ) {
      const prompt = this.#unread.shift();
      if (!prompt) return;
      left -= prompt.readOn(left);
      if (!prompt.isRead) this.#unread.push(prompt);
    }
  }

  /** Each text reads the token that was chosen for it last. */
  #readTokens(): void {
    const sessions: Session[] = [];
    const ids: number[] = [];
    for (const { session, continuation } of this.#texts.values()) {
      if (!session) continue;
      sessions.push(session);
      ids.push(continuation.last);
    }
    Session.appendEach(sessions, ids);
  }
}
