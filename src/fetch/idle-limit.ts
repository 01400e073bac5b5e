import { DownloadError } from "../engine/errors.ts";

/** A signal that ends a request when nothing has come for some time, or when its caller ends it. */
export class IdleLimit {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #caller: AbortSignal | undefined;
  readonly #forward = () => this.#controller.abort(this.#caller?.reason);

  /** @param from who is waited for, for the message. */
  constructor(seconds: number, from: string, caller?: AbortSignal) {
    this.#caller = caller;
    this.#timer = setTimeout(() => {
      this.#controller.abort(new DownloadError(`nothing came from ${from} for ${seconds} s`, { temporary: true }));
    }, seconds * 1000);
    if (caller?.aborted) this.#forward();
    caller?.addEventListener("abort", this.#forward, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came. */
  renew(): void {
    this.#timer.refresh();
  }

  /** The request is over. */
  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#forward);
  }
}
