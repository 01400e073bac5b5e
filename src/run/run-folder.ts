import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FormatError, OptionError } from "../engine/errors.ts";
import { naming } from "../engine/naming.ts";
import { floatTensor, writeModelFile } from "../formats/model-file.ts";
import { type Values, valuesOf } from "../formats/parameter-values.ts";
import { readSafetensors, writeSafetensors } from "../formats/safetensors.ts";
import type { Learner } from "../train/learner.ts";
import type { Identity } from "./identity.ts";
import { Metrics } from "./metrics.ts";
import { checkOutFolder } from "./out-folder.ts";
import { writeWhole } from "./write-file.ts";

const STATE_FORMAT = "thunderbolt-state-1";
const FILES = ["state.safetensors", "model.safetensors", "tokenizer.json", "metrics.jsonl"];

/** A run that was saved. */
export interface SavedRun {
  readonly tokenizerJson: string;
  readonly identity: Identity;
  readonly weights: Values;
  readonly optimizer: { readonly m: Values; readonly v: Values; readonly step: number };
  readonly progress: RunProgress;
}

/** How far a run is. */
export interface RunProgress {
  /** Steps that it is to have; undefined while a run of some minutes has not fixed them. */
  readonly steps: number | undefined;
  /** Minutes that were asked for; undefined where steps were. */
  readonly minutes: number | undefined;
  /** Spent in steps. */
  readonly seconds: number;
  /** Of the last steps, for the mean that is reported. */
  readonly losses: readonly number[];
}

/**
 * The folder of a training run: model.safetensors, state.safetensors, tokenizer.json and metrics.jsonl. Every file is
 * written whole or not at all, and the state alone is enough to go on.
 */
export class RunFolder {
  readonly path: string;
  readonly metrics: Metrics;

  /** @throws OptionError for a path that cannot be a folder. */
  constructor(path: string) {
    checkOutFolder(path);
    this.path = path;
    this.metrics = new Metrics(join(path, "metrics.jsonl"));
  }

  /** @throws OptionError if there is a run here already. */
  refuseExisting(): void {
    const [present] = this.#present();
    if (present === undefined) return;
    // one that never came to its first save cannot be continued
    const goOn = existsSync(this.#state) ? "continue it with --resume, replace" : "replace";
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
  }

  /** Writes state, model and tokenizer. Gives the SHA-256 of model.safetensors, in hex. */
  save(learner: Learner, tokenizerJson: string, identity: Identity, progress: RunProgress): string {
    const { model, shape } = learner.plan;
    const state = model.parameters.flatMap((parameter) => {
      const tensor = (values: Float32Array) => floatTensor(parameter.shape, values);
      return [
        [`param.${parameter.name}`, tensor(learner.weights(parameter))],
        [`adam_m.${parameter.name}`, tensor(learner.momentM(parameter))],
        [`adam_v.${parameter.name}`, tensor(learner.momentV(parameter))],
      ] as const;
    });
    writeWhole(
      this.#state,
      writeSafetensors(state, {
        format: STATE_FORMAT,
        config: JSON.stringify(shape.config),
        tokenizer: tokenizerJson,
        identity: JSON.stringify(identity),
        step: String(learner.step),
        progress: JSON.stringify(progress),
      }),
    );
    const chunks = writeModelFile(
      shape.config,
      tokenizerJson,
      model.parameters,
      (parameter) => learner.weights(parameter),
      {
        step: String(learner.step),
      },
    );
    writeWhole(join(this.path, "model.safetensors"), chunks);
    writeWhole(join(this.path, "tokenizer.json"), [new TextEncoder().encode(tokenizerJson)]);
    const hash = createHash("sha256");
    for (const chunk of chunks) hash.update(chunk);
    return hash.digest("hex");
  }

  /** @throws OptionError without a saved run; FormatError for a damaged one. */
  load(): SavedRun {
    const path = this.#state;
    if (!existsSync(path)) {
      const [present] = this.#present();
      const what =
        present === undefined ? "leave --resume out to start one" : "start it again with --overwrite instead";
      throw new OptionError(`${this.path} holds no run to resume (no state.safetensors); ${what}`);
    }
    const named =
      (values: Values): Values =>
      (parameter) =>
        naming(path, () => values(parameter));
    try {
      const { metadata, tensors } = readSafetensors(readFileSync(path));
      if (metadata.format !== STATE_FORMAT) throw new FormatError(`its metadata has no "format": "${STATE_FORMAT}"`);
      const step = Number(metadata.step);
      if (!Number.isInteger(step) || step < 1) throw new FormatError(`its step is ${metadata.step}`);
      const { steps, minutes, seconds, losses } = JSON.parse(metadata.progress);
      return {
        tokenizerJson: metadata.tokenizer,
        identity: JSON.parse(metadata.identity),
        weights: named(valuesOf(tensors, "param.")),
        optimizer: { m: named(valuesOf(tensors, "adam_m.")), v: named(valuesOf(tensors, "adam_v.")), step },
        progress: { steps, minutes, seconds, losses },
      };
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : cause;
      throw new FormatError(`${path} cannot be resumed: ${reason}; start again with --overwrite`, { cause });
    }
  }

  get #state(): string {
    return join(this.path, "state.safetensors");
  }

  /** What a run has left here. */
  #present(): string[] {
    return FILES.filter((file) => existsSync(join(this.path, file)));
  }
}
