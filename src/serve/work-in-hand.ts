import { ApiError } from "./api-error.ts";

/** The work on all requests, so that it can be ended before it is done. */
export class WorkInHand {
  readonly #seconds: number;
  readonly #works = new Set<AbortController>();

  /** @param seconds that a request may take */
  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  /**
   * Ends some work when its time is up or the client goes away, with an {@link ApiError}.
   *
   * @returns what to call when it is done.
   */
  begin(work: AbortController, client: AbortSignal): () => void {
    const leave = () => end(work, "the client has gone", "client_gone");
    const timeUp = () => end(work, `the request took more than ${this.#seconds} s`, "timeout");
    const timer = setTimeout(timeUp, this.#seconds * 1000);
    this.#works.add(work);
    client.addEventListener("abort", leave);
    if (client.aborted) leave();
    return () => {
      clearTimeout(timer);
      this.#works.delete(work);
      client.removeEventListener("abort", leave);
    };
  }

  /** Ends all of it: the server is shutting down. */
  endAll(): void {
    for (const work of this.#works) end(work, "the server is shutting down", "shutting_down");
  }
}

function end(work: AbortController, message: string, code: string): void {
  work.abort(new ApiError(503, message, { code }));
}
