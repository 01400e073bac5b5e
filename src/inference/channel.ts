/** Hands things over from one who makes them at his own pace to one who fetches them at his. */
export class Channel<T> {
  readonly #items: T[] = [];
  #closed = false;
  #failure: { readonly cause: unknown } | undefined;
  #wake = () => {};

  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  /** Nothing more comes. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Nothing more comes, and what has not been fetched is lost: who fetches gets the error. */
  fail(cause: unknown): void {
    this.#failure = { cause };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      if (this.#failure) throw this.#failure.cause;
      const item = this.#items.shift();
      if (item !== undefined) yield item;
      else if (this.#closed) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
