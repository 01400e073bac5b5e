import { setTimeout as sleep } from "node:timers/promises";
import { DownloadError } from "../engine/errors.ts";

/** Pauses before what failed is tried again, in seconds: 1, 2, 4, 8, 16. */
const FIRST_PAUSE = 1;
const MOST_RETRIES = 5;
/** A server that asks for more than this is not waited for. */
const LONGEST_PAUSE = 300;

/** How retries are told of and ended. */
export interface RetryOptions {
  readonly onWait?: (seconds: number, reason: string) => void;
  readonly signal?: AbortSignal;
}

/** Counts what failed in a row, and waits before it is tried again. */
export class Retries {
  readonly #options: RetryOptions;
  #failures = 0;

  constructor(options: RetryOptions) {
    this.#options = options;
  }

  /** Does some work until it succeeds. @throws what it threw, once another try is of no use. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        await this.#pause(error);
      }
    }
  }

  /** The work got on, so that what fails from now on has all its retries. */
  reset(): void {
    this.#failures = 0;
  }

  async #pause(error: unknown): Promise<void> {
    if (!(error instanceof DownloadError) || !error.temporary || this.#failures >= MOST_RETRIES) throw error;
    const seconds = error.retryAfter ?? FIRST_PAUSE * 2 ** this.#failures;
    if (seconds > LONGEST_PAUSE) throw error;
    this.#failures++;
    this.#options.onWait?.(seconds, error.message);
    await sleep(seconds * 1000, undefined, { signal: this.#options.signal });
  }
}
