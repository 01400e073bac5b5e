import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { saving, writeWhole } from "./write-file.ts";

/** What a run writes line by line, as JSON: metrics.jsonl, a line for each step and one with the result at the end. */
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
   *
   * @param scored the last step whose score the run knows of.
   */
  rewind(step: number, scored = 0): void {
    if (!existsSync(this.path)) return;
    const lines = readFileSync(this.path, "utf8")
      .split("\n")
      .map((text) => ({ text, ...stepAndKind(text) }));
    const kept = lines.filter((line) => line.step <= (line.isScore ? scored : step));
    writeWhole(this.path, [new TextEncoder().encode(kept.map(({ text }) => `${text}\n`).join(""))]);
  }
}

/** The step that a line is about, or NaN, and whether it tells its score. */
function stepAndKind(line: string): { readonly step: number; readonly isScore: boolean } {
  try {
    const { step, valBitsPerByte } = JSON.parse(line);
    return { step: Number(step), isScore: valBitsPerByte !== undefined };
  } catch {
    return { step: Number.NaN, isScore: false };
  }
}
