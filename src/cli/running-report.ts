import { ThunderboltError } from "../engine/errors.ts";
import type { TrainProgress } from "../run/train-options.ts";

/** A report at a save may take this share of the time since the one before. */
const SHARE = 1 / 500;

/** The report of a run that goes on: written now and then when it is saved, and at its end. */
export class RunningReport {
  readonly #write: () => void;
  /** Whether there is anything of this run in its folder. */
  #begun = false;
  /** When it may be written again, milliseconds. */
  #next = 0;

  /** @param out the folder of the run. */
  static async of(out: string): Promise<RunningReport> {
    // loaded before the work, in which there is no time to wait
    const { writeReport } = await import("../report/write-report.ts");
    return new RunningReport(() => writeReport([out]));
  }

  private constructor(write: () => void) {
    this.#write = write;
  }

  /** Listens to the run. */
  hear({ kind }: TrainProgress): void {
    if (kind === "corpus") this.#begun = true;
    if (kind === "saved" && performance.now() >= this.#next) this.write();
  }

  /** Writes the report, if there is anything to tell. The run does not depend on it: gives what went wrong, in a line. */
  write(): string | undefined {
    if (!this.#begun) return undefined;
    const started = performance.now();
    try {
      this.#write();
      return undefined;
    } catch (error) {
      if (!(error instanceof ThunderboltError)) throw error;
      return `no report: ${error.message}`;
    } finally {
      const ended = performance.now();
      this.#next = ended + (ended - started) / SHARE;
    }
  }
}
