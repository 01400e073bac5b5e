/** Prints the result of a command: one JSON object with --json, else the text for people. */
export function printResult(json: boolean | undefined, result: unknown, text: () => string): void {
  process.stdout.write(`${json ? JSON.stringify(result) : text()}\n`);
}

/** 12345.6 as 12,346. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** Seconds as 45 s, 3 min 20 s, 2 h 5 min. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

const BAR = 24;

/**
 * Tells how long work goes: a bar that moves on a terminal, a plain line every few seconds elsewhere. On stderr, so
 * that results can be piped.
 */
export class Progress {
  readonly #terminal = process.stderr.isTTY === true;
  readonly #everyMs: number;
  #last = Number.NEGATIVE_INFINITY;
  #open = false;

  /** @param everyMs the least time between two plain lines. */
  constructor(everyMs = 3000) {
    this.#everyMs = everyMs;
  }

  /** Shows a state; `fraction` (0 to 1) draws the bar, `last` is shown whatever the time. */
  show(text: string, fraction?: number, last = false): void {
    const now = performance.now();
    if (!last && now - this.#last < (this.#terminal ? 100 : this.#everyMs)) return;
    this.#last = now;
    if (!this.#terminal) {
      process.stderr.write(`${text}\n`);
      return;
    }
    const full = Math.round((fraction ?? 0) * BAR);
    const bar = fraction === undefined ? "" : `${"█".repeat(full)}${"░".repeat(BAR - full)} `;
    process.stderr.write(`\r\x1b[K${bar}${text}`);
    this.#open = true;
  }

  /** A line that stays. */
  say(text: string): void {
    this.done();
    process.stderr.write(`${text}\n`);
  }

  /** Ends a line that was moving. */
  done(): void {
    if (this.#open) process.stderr.write("\n");
    this.#open = false;
  }
}

/**
 * Shows how far work on some bytes is, its speed, and the time left.
 *
 * @param before bytes that were done when it started.
 */
export function bytesShower(progress: Progress, what: string, before = 0): (done: number, all: number) => void {
  const started = performance.now();
  return (done, all) => {
    if (done <= before) return;
    const bytesPerSecond = (1000 * (done - before)) / (performance.now() - started);
    const megabytes = (bytes: number) => count(bytes / 1e6);
    progress.show(
      `${what} ${megabytes(done)} of ${megabytes(all)} MB  ${(bytesPerSecond / 1e6).toFixed(1)} MB/s  ${duration((all - done) / bytesPerSecond)} left`,
      done / all,
    );
  };
}
