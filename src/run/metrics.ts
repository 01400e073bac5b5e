import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { saving, writeWhole } from "./write-file.ts";

/** A run's metrics.jsonl: a line for each step, and one with the result at the end. */
export class Metrics {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Adds a line. @throws SaveError */
  log(line: object): void {
    saving(this.path, () => appendFileSync(this.path, `${JSON.stringify(line)}\n`));
  }

  /**
   * Takes the file back to where it was after a step: a run goes on from its last save, and the steps after that come
   * again. A line that a crash cut short goes too, and the result of an earlier end.
   */
  rewind(step: number): void {
    if (!existsSync(this.path)) return;
    const lines = readFileSync(this.path, "utf8").split("\n");
    const kept = lines.filter((line) => stepOf(line) <= step);
    writeWhole(this.path, [new TextEncoder().encode(kept.map((line) => `${line}\n`).join(""))]);
  }
}

/** The step that a line is about, or NaN. */
function stepOf(line: string): number {
  try {
    return Number(JSON.parse(line).step);
  } catch {
    return Number.NaN;
  }
}
