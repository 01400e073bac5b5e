import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FormatError, OptionError } from "../engine/errors.ts";
import type { Learner } from "../train/learner.ts";
import { modelFileOf } from "../train/snapshot.ts";
import type { TrainingState } from "../train/training.ts";
import type { Identity } from "./identity.ts";
import { Metrics } from "./metrics.ts";
import { checkOutFolder } from "./out-folder.ts";
import { describeRun, type RunDescription, type RunPart } from "./run-description.ts";
import { readState, type SavedRun, writeState } from "./run-state.ts";
import { writeWhole } from "./write-file.ts";

const STATE = "state.safetensors";
export const MODEL = "model.safetensors";
const BEST = "best.safetensors";
const TOKENIZER = "tokenizer.json";
export const METRICS = "metrics.jsonl";
export const LOOKS = "samples.jsonl";
export const DESCRIPTION = "run.json";
export const REPORT = "report.html";
/** States before the last: state-<step>.safetensors. */
const EARLIER = /^state-(\d+)\.safetensors$/;
/** Files that a save was writing when its process died. */
const UNFINISHED = /^(state|model|best|tokenizer|metrics|samples|run|report)\.(safetensors|json|jsonl|html)\.\d+\.tmp$/;

/**
 * The folder of a training run: model.safetensors, state.safetensors, tokenizer.json, and for its report run.json,
 * metrics.jsonl and samples.jsonl; the states before the last, and best.safetensors, if asked for. Every file is
 * written whole or not at all, or line by line, and a state alone is enough to go on.
 */
export class RunFolder {
  readonly path: string;
  readonly metrics: Metrics;
  /** Looks at the model (train/look.ts), one for each score. */
  readonly looks: Metrics;
  readonly #keep: number;
  /** The state that is known to be whole. */
  #last: { readonly name: string; readonly step: number } | undefined;

  /**
   * @param keep how many states are kept, the last included.
   * @throws OptionError for a path that cannot be a folder.
   */
  constructor(path: string, keep = 1) {
    checkOutFolder(path);
    this.path = path;
    this.metrics = new Metrics(join(path, METRICS));
    this.looks = new Metrics(join(path, LOOKS));
    this.#keep = keep;
  }

  /** @throws OptionError if there is a run here already. */
  refuseExisting(): void {
    const [present] = this.#present();
    if (present === undefined) return;
    // one that never came to its first save cannot be continued
    const goOn = this.#states().length > 0 ? "continue it with --resume, replace" : "replace";
    throw new OptionError(
      `${this.path} holds a run already (${present}); ${goOn} it with --overwrite, or give another --out`,
    );
  }

  /** @throws OptionError if there is anything of a run here. */
  refuseAny(): void {
    const [present] = this.#present();
    if (present !== undefined) {
      throw new OptionError(`${this.path} holds a model or a run already (${present}); give another folder`);
    }
  }

  /** Makes the folder, without what an earlier run left in it. */
  create(): void {
    mkdirSync(this.path, { recursive: true });
    for (const file of this.#present()) rmSync(join(this.path, file));
    this.removeUnfinished();
  }

  /** Removes what a process that died left half written: after many deaths it would fill the disk. */
  removeUnfinished(): void {
    for (const name of readdirSync(this.path)) if (UNFINISHED.test(name)) rmSync(join(this.path, name));
  }

  /**
   * Writes state, model and tokenizer. Gives the SHA-256 of model.safetensors, in hex.
   *
   * @throws SaveError; the last state that was saved is then whole.
   */
  save(learner: Learner, tokenizerJson: string, identity: Identity, progress: TrainingState): string {
    const state = join(this.path, STATE);
    const last = this.#last;
    const further = last?.step !== learner.step;
    if (further) this.#dropEarlier();
    writeWhole(state, writeState(learner, tokenizerJson, identity, progress), () => {
      // if the process dies right after this, there is an earlier state to go on from
      if (this.#keep > 1 && last?.name === STATE && further) {
        renameSync(state, join(this.path, `state-${last.step}.safetensors`));
      }
    });
    this.#last = { name: STATE, step: learner.step };
    const model = modelFileOf(learner, tokenizerJson);
    writeWhole(join(this.path, MODEL), model);
    writeWhole(join(this.path, TOKENIZER), [new TextEncoder().encode(tokenizerJson)]);
    const hash = createHash("sha256");
    for (const chunk of model) hash.update(chunk);
    return hash.digest("hex");
  }

  /** Writes what the run is, and who works on it from here on. @throws SaveError */
  describe(run: Omit<RunDescription, "parts">, part: RunPart): void {
    describeRun(join(this.path, DESCRIPTION), run, part);
  }

  /** Writes the model as it stands to best.safetensors. @throws SaveError */
  saveBest(learner: Learner, tokenizerJson: string): void {
    writeWhole(join(this.path, BEST), modelFileOf(learner, tokenizerJson));
  }

  /**
   * Reads the last state that is whole.
   *
   * @param onDamage told of a state that is not, where there is an earlier one.
   * @throws OptionError without a saved run; FormatError if all its states are damaged.
   */
  load(onDamage?: (message: string) => void): SavedRun {
    const states = this.#states();
    const [last, ...earlier] = states;
    if (last === undefined) {
      const [present] = this.#present();
      const what =
        present === undefined ? "leave --resume out to start one" : "start it again with --overwrite instead";
      throw new OptionError(`${this.path} holds no run to resume (no ${STATE}); ${what}`);
    }
    const read = (name: string): SavedRun => {
      const saved = readState(join(this.path, name));
      this.#last = { name, step: saved.optimizer.step };
      return saved;
    };
    try {
      return read(last);
    } catch (error) {
      for (const name of earlier) {
        try {
          const saved = read(name);
          onDamage?.((error as Error).message.replace(/; start again .*$/, `; going on from ${name} instead`));
          return saved;
        } catch (cause) {
          if (!(cause instanceof FormatError)) throw cause;
        }
      }
      throw error;
    }
  }

  /** The names of all states, the last one first. */
  #states(): string[] {
    const names = existsSync(this.path) ? readdirSync(this.path) : [];
    const earlier = names.filter((name) => EARLIER.test(name)).sort((a, b) => stepOf(b) - stepOf(a));
    return [...names.filter((name) => name === STATE), ...earlier];
  }

  /** Makes room for one more state, but never at the cost of the one that is known to be whole. */
  #dropEarlier(): void {
    for (const name of this.#states().slice(Math.max(1, this.#keep - 1))) {
      if (name !== this.#last?.name) rmSync(join(this.path, name));
    }
  }

  /** What a run has left here. */
  #present(): string[] {
    const others = [MODEL, BEST, TOKENIZER, DESCRIPTION, METRICS, LOOKS, REPORT].filter((file) =>
      existsSync(join(this.path, file)),
    );
    return [...this.#states(), ...others];
  }
}

function stepOf(name: string): number {
  return Number(EARLIER.exec(name)?.[1]);
}
