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

/** Characters of a bar at most, and the fewest that show anything. */
const BAR = 24;
const SHORTEST_BAR = 4;

/**
 * Tells how long work goes: a bar that moves on a terminal, a plain line every few seconds elsewhere. On stderr, so
 * that results can be piped.
 */
export class Progress {
  readonly #terminal = process.stderr.isTTY === true && process.env.TERM !== "dumb";
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
    process.stderr.write(`\r\x1b[K${moving(text, fraction, process.stderr.columns || 80)}`);
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

  /** The same, so that what went wrong begins a line of its own. */
  [Symbol.dispose](): void {
    this.done();
  }
}

/** A bar and a text in one line of so many columns: what a terminal breaks into two cannot be written over. */
function moving(text: string, fraction: number | undefined, columns: number): string {
  const width = Math.min(BAR, columns - text.length - 2);
  if (fraction === undefined || width < SHORTEST_BAR) return text.slice(0, columns - 1);
  const full = Math.round(fraction * width);
  return `${"█".repeat(full)}${"░".repeat(width - full)} ${text}`;
}

/** What work is counted in: its size, and how a speed in it is written. */
const units = {
  MB: { size: 1e6, speed: (perSecond: number) => perSecond.toFixed(1) },
  tokens: { size: 1, speed: count },
};

/**
 * Shows how far work on some bytes or tokens is, its speed, and the time left. Where it begins again, so does the clock.
 *
 * @param before what was done when it started.
 */
export function timedShower(
  progress: Progress,
  what: string,
  unit: keyof typeof units = "MB",
  before = 0,
): (done: number, all: number) => void {
  const { size, speed } = units[unit];
  let [started, from, last] = [performance.now(), before, before];
  return (done, all) => {
    if (done < last) [started, from] = [performance.now(), done];
    last = done;
    if (done <= from) return;
    const perSecond = (1000 * (done - from)) / (performance.now() - started);
    progress.show(
      `${what} ${count(done / size)} of ${count(all / size)} ${unit}  ${speed(perSecond / size)} ${unit}/s  ${duration((all - done) / perSecond)} left`,
      done / all,
    );
  };
}
