import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type ModelConfig, parseConfig } from "../engine/config.ts";
import { FormatError, OptionError } from "../engine/errors.ts";
import { type Values, valuesOf } from "../engine/tensors.ts";
import { floatTensor, writeModelFile } from "../formats/model-file.ts";
import { readSafetensors, writeSafetensors } from "../formats/safetensors.ts";
import type { Learner } from "../train/learner.ts";
import type { Identity } from "./identity.ts";
import { writeWhole } from "./write-file.ts";

const STATE_FORMAT = "thunderbolt-state-1";

/** A run that was saved. */
export interface SavedRun {
  readonly config: ModelConfig;
  readonly tokenizerJson: string;
  readonly identity: Identity;
  readonly weights: Values;
  readonly optimizer: { readonly m: Values; readonly v: Values; readonly step: number };
  /** Steps that the run was to have, and seconds that it has taken. */
  readonly steps: number;
  readonly seconds: number;
}

/**
 * The folder of a training run: model.safetensors, state.safetensors, tokenizer.json and metrics.jsonl. Every file is
 * written whole or not at all, and the state alone is enough to go on.
 */
export class RunFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** @throws OptionError if there is a run here already, unless it may be replaced. */
  create(overwrite: boolean): void {
    const files = ["model.safetensors", "state.safetensors", "tokenizer.json", "metrics.jsonl"];
    const present = files.filter((file) => existsSync(join(this.path, file)));
    if (present.length > 0 && !overwrite) {
      throw new OptionError(
        `${this.path} holds a run already; continue it with --resume, replace it with --overwrite, or give another --out`,
      );
    }
    mkdirSync(this.path, { recursive: true });
    for (const file of present) rmSync(join(this.path, file));
  }

  /** Adds a line to metrics.jsonl. */
  log(line: Readonly<Record<string, unknown>>): void {
    appendFileSync(join(this.path, "metrics.jsonl"), `${JSON.stringify(line)}\n`);
  }

  /** Writes state, model and tokenizer. Gives the SHA-256 of model.safetensors, in hex. */
  save(
    learner: Learner,
    tokenizerJson: string,
    identity: Identity,
    progress: { steps: number; seconds: number },
  ): string {
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
      join(this.path, "state.safetensors"),
      writeSafetensors(state, {
        format: STATE_FORMAT,
        config: JSON.stringify(shape.config),
        tokenizer: tokenizerJson,
        identity: JSON.stringify(identity),
        step: String(learner.step),
        steps: String(progress.steps),
        seconds: String(progress.seconds),
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
    const path = join(this.path, "state.safetensors");
    if (!existsSync(path))
      throw new OptionError(
        `${this.path} holds no run to resume (no state.safetensors); leave --resume out to start one`,
      );
    try {
      const { metadata, tensors } = readSafetensors(readFileSync(path));
      if (metadata.format !== STATE_FORMAT) throw new FormatError(`its metadata has no "format": "${STATE_FORMAT}"`);
      return {
        config: parseConfig(JSON.parse(metadata.config)),
        tokenizerJson: metadata.tokenizer,
        identity: JSON.parse(metadata.identity),
        weights: valuesOf(tensors, "param."),
        optimizer: { m: valuesOf(tensors, "adam_m."), v: valuesOf(tensors, "adam_v."), step: Number(metadata.step) },
        steps: Number(metadata.steps),
        seconds: Number(metadata.seconds),
      };
    } catch (cause) {
      throw new FormatError(`${path} cannot be resumed: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
}
