import type { ModelConfig } from "../engine/config.ts";
import type { RunDescription } from "../run/run-description.ts";
import type { TrainResult } from "../run/train-options.ts";
import type { LayerFigures } from "../train/layer-figures.ts";
import type { Look } from "../train/look.ts";

/** The steps of a run, a column for each figure. */
export interface StepColumns {
  readonly step: readonly number[];
  readonly tokens: readonly number[];
  readonly seconds: readonly number[];
  /** Nats a token. */
  readonly loss: readonly number[];
  readonly lr: readonly number[];
  readonly gradientNorm: readonly number[];
  readonly tokensPerSecond: readonly number[];
}

/** The names of {@link StepColumns}, in the order in which tables have them. */
export const stepColumns = [
  "step",
  "tokens",
  "seconds",
  "loss",
  "lr",
  "gradientNorm",
  "tokensPerSecond",
] as const satisfies readonly (keyof StepColumns)[];

/** A score on the held-out text after a step. */
export interface Score {
  readonly step: number;
  readonly bitsPerByte: number;
  readonly natsPerToken: number;
}

/** All that a report tells of a run, as its folder has it. */
export interface RunRecord {
  /** The path as it was given. */
  readonly name: string;
  readonly steps: StepColumns;
  /** In order of the steps, the one at the end included. */
  readonly scores: readonly Score[];
  /** Of a run that has ended. */
  readonly result: TrainResult | undefined;
  /** Of a run that keeps one (those of version 0.1.0 at first did not). */
  readonly description: RunDescription | undefined;
  readonly looks: readonly Look[];
  /** The model in the folder; undefined where there is none yet. */
  readonly model: ModelRecord | undefined;
}

/** What the model file of a run tells. */
export interface ModelRecord {
  readonly sha256: string;
  readonly step: number | undefined;
  readonly config: ModelConfig;
  /** Its layers, gates at their bias, where nobody looked at it in training. */
  readonly layersAtRest: readonly LayerFigures[] | undefined;
}

/** The configuration of a run, from wherever it is known. */
export function configOf({ description, model }: RunRecord): ModelConfig | undefined {
  return description?.config ?? model?.config;
}

/** The step that a run has come to. */
export function lastStep({ steps }: RunRecord): number {
  return steps.step[steps.step.length - 1];
}

/** The mean loss of the last 20 steps, as training tells it. */
export function trainLoss({ steps }: RunRecord): number {
  const last = steps.loss.slice(-20);
  return last.reduce((a, b) => a + b, 0) / last.length;
}

/** What is to be said of scores that show nothing; undefined for a causal model. */
export function whyNotCausal(run: RunRecord): string | undefined {
  return configOf(run)?.headNorm === "window"
    ? "Not causal: its head norm showed the model the tokens that it was trained on and scored on, so its losses and scores say nothing about how well it predicts."
    : undefined;
}
