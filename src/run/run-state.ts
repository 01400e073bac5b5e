import { readFileSync } from "node:fs";
import { FormatError } from "../engine/errors.ts";
import { naming } from "../engine/naming.ts";
import { floatTensor } from "../formats/model-file.ts";
import { type Values, valuesOf } from "../formats/parameter-values.ts";
import { readSafetensors, writeSafetensors } from "../formats/safetensors.ts";
import type { Learner } from "../train/learner.ts";
import type { TrainingState } from "../train/training.ts";
import type { Identity } from "./identity.ts";

const STATE_FORMAT = "thunderbolt-state-1";

/** A run that was saved. */
export interface SavedRun {
  readonly tokenizerJson: string;
  readonly identity: Identity;
  readonly weights: Values;
  readonly optimizer: { readonly m: Values; readonly v: Values; readonly step: number };
  readonly progress: TrainingState;
}

/** The chunks of a state file: weights, both moments, and in the metadata what else a run must remember. */
export function writeState(
  learner: Learner,
  tokenizerJson: string,
  identity: Identity,
  progress: TrainingState,
): Uint8Array[] {
  const { model, shape } = learner.plan;
  const tensors = model.parameters.flatMap((parameter) => {
    const tensor = (values: Float32Array) => floatTensor(parameter.shape, values);
    return [
      [`param.${parameter.name}`, tensor(learner.weights(parameter))],
      [`adam_m.${parameter.name}`, tensor(learner.momentM(parameter))],
      [`adam_v.${parameter.name}`, tensor(learner.momentV(parameter))],
    ] as const;
  });
  return writeSafetensors(tensors, {
    format: STATE_FORMAT,
    config: JSON.stringify(shape.config),
    tokenizer: tokenizerJson,
    identity: JSON.stringify(identity),
    step: String(learner.step),
    progress: JSON.stringify(progress),
  });
}

/** Reads a state file. @throws FormatError for a damaged one; its tensors are looked at when they are asked for. */
export function readState(path: string): SavedRun {
  const named =
    (values: Values): Values =>
    (parameter) =>
      naming(path, () => values(parameter));
  try {
    const { metadata, tensors } = readSafetensors(readFileSync(path));
    if (metadata.format !== STATE_FORMAT) throw new FormatError(`its metadata has no "format": "${STATE_FORMAT}"`);
    const step = Number(metadata.step);
    if (!Number.isInteger(step) || step < 1) throw new FormatError(`its step is ${metadata.step}`);
    const { steps, minutes, seconds, losses, scored, best } = JSON.parse(metadata.progress);
    return {
      tokenizerJson: metadata.tokenizer,
      identity: JSON.parse(metadata.identity),
      weights: named(valuesOf(tensors, "param.")),
      optimizer: { m: named(valuesOf(tensors, "adam_m.")), v: named(valuesOf(tensors, "adam_v.")), step },
      progress: { steps, minutes, seconds, losses, scored, best },
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : cause;
    throw new FormatError(`${path} cannot be resumed: ${reason}; start again with --overwrite`, { cause });
  }
}
