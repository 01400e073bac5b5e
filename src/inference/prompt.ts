import type { Runner } from "./runner.ts";
import { Session } from "./session.ts";
import type { TokenScore } from "./token-score.ts";

/** The beginning of a text, read once for all texts that continue it, at once or a part at a time. */
export class Prompt {
  readonly ids: readonly number[];
  readonly #tokens: readonly number[];
  readonly #session: Session;
  readonly #alternatives: number | undefined;
  readonly #scores: TokenScore[] = [];

  /**
   * @param eos what stands before the prompt: a story begins after the end of another
   * @param alternatives to score its tokens: how many of the likeliest to name in the place of each
   */
  constructor(runner: Runner, eos: number, ids: readonly number[], alternatives?: number) {
    this.ids = ids;
    this.#tokens = [eos, ...ids];
    this.#session = new Session(runner);
    this.#alternatives = alternatives;
  }

  /** Whether all has been read. */
  get isRead(): boolean {
    return this.#session.position === this.#tokens.length;
  }

  /** How well each of its tokens was predicted, as far as it has been read; none unless that was asked for. */
  get scores(): readonly TokenScore[] {
    return this.#scores;
  }

  /** Reads some tokens on, at most so many. @returns how many that were. */
  readOn(most: number): number {
    const { position } = this.#session;
    // nothing predicts the first
    const end = this.#alternatives !== undefined && position === 0 ? 1 : position + most;
    const part = this.#tokens.slice(position, end);
    if (this.#alternatives === undefined || position === 0) this.#session.append(part);
    else this.#scores.push(...this.#session.score(part, this.#alternatives));
    return part.length;
  }

  /** A session that has read it and goes on from there. */
  session(): Session {
    return this.#session.clone();
  }
}
