import type { FromEngine, Kind, Runtime, ToEngine, Work } from "./protocol.ts";

/** What goes with an order. */
export interface OrderOptions<K extends Kind> {
  readonly onEvent?: (event: Work[K]["event"]) => void;
  /** Ends the work soon. What was done by then is kept; if that is nothing, the promise rejects with the reason. */
  readonly signal?: AbortSignal;
}

interface OpenOrder {
  event(event: Work[Kind]["event"]): void;
  resolve(result: Work[Kind]["result"]): void;
  reject(error: unknown): void;
  readonly signal: AbortSignal | undefined;
}

/** The page's side of its engine, a worker that loads, generates and trains (engine-worker.ts). */
export class Engine {
  /** What the engine runs on; rejects where it cannot run. */
  readonly ready: Promise<Runtime>;
  readonly #worker: Worker;
  readonly #open = new Map<number, OpenOrder>();
  #orders = 0;

  constructor() {
    // a script, which a browser starts sooner than a module
    this.#worker = new Worker(new URL("./engine-worker.js", import.meta.url));
    this.ready = new Promise((resolve, reject) => {
      const fail = (message: string) => {
        const error = new Error(message);
        reject(error);
        for (const open of this.#open.values()) open.reject(error);
        this.#open.clear();
      };
      this.#worker.addEventListener("message", ({ data }: MessageEvent<FromEngine>) => {
        if (data.kind === "ready") resolve(data.runtime);
        else if (data.kind === "unable") fail(data.message);
        else this.#take(data);
      });
      // the event of a script that cannot be loaded has no message
      this.#worker.addEventListener("error", ({ message }) =>
        fail(`the engine failed (${message || "its script could not be loaded"}); reload the page`),
      );
    });
    this.ready.catch(() => {});
  }

  /** Gives an order and resolves with what came of it; several may run at once. */
  async run<K extends Kind>(
    kind: K,
    request: Work[K]["request"],
    options: OrderOptions<K> = {},
  ): Promise<Work[K]["result"]> {
    const { signal, onEvent } = options;
    await this.ready;
    signal?.throwIfAborted();
    const order = this.#orders++;
    const stop = () => this.#post({ order, kind: "stop" });
    signal?.addEventListener("abort", stop, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        this.#open.set(order, { event: (event) => onEvent?.(event), resolve, reject, signal });
        this.#post({ order, kind, request } as ToEngine);
      });
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  #post(message: ToEngine): void {
    this.#worker.postMessage(message);
  }

  #take(message: Extract<FromEngine, { order: number }>): void {
    const open = this.#open.get(message.order);
    if (open === undefined) return;
    if (message.kind === "event") {
      open.event(message.event);
      return;
    }
    this.#open.delete(message.order);
    if (message.kind === "result") open.resolve(message.result);
    else open.reject(message.kind === "stopped" ? open.signal?.reason : new Error(message.message));
  }
}
