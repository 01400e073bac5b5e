import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { FormatError, OptionError, ThunderboltError } from "../engine/errors.ts";
import { readModelFile } from "../inference/open-file.ts";
import { readDescription } from "../run/run-description.ts";
import { DESCRIPTION, LOOKS, METRICS, MODEL } from "../run/run-folder.ts";
import type { TrainResult } from "../run/train-options.ts";
import { layersAtRest } from "../train/layer-figures.ts";
import type { Look } from "../train/look.ts";
import { type ModelRecord, type RunRecord, type Score, type StepColumns, stepColumns } from "./run-record.ts";

/**
 * Reads what a run has left in its folder; the run may still be going on.
 *
 * @throws OptionError for a folder without a run, or with one that has not taken a step; FormatError for metrics that
 * are damaged.
 */
export function readRun(name: string): RunRecord {
  if (!existsSync(name)) throw new OptionError(`${name} does not exist; expected the --out of a training run`);
  if (!statSync(name).isDirectory()) throw new OptionError(`${name} is a file; expected the --out of a training run`);
  const path = join(name, METRICS);
  if (!existsSync(path)) throw new OptionError(`${name} holds no ${METRICS}; expected the --out of a training run`);
  const { steps, scores, result } = parseMetrics(readFile(path), path);
  if (steps.step.length === 0) throw new OptionError(`${name} has taken no step yet, so there is nothing to report`);
  const looks = readLooks(join(name, LOOKS));
  return {
    name,
    steps,
    scores,
    result,
    description: readDescription(join(name, DESCRIPTION)),
    looks,
    model: readModel(join(name, MODEL), looks.length === 0),
  };
}

/**
 * Reads the text of a metrics.jsonl. A last line that is not whole is being written, or was when the process died.
 *
 * @param path what messages call it
 * @throws FormatError naming the line that is none of ours.
 */
export function parseMetrics(text: string, path: string): Pick<RunRecord, "steps" | "scores" | "result"> {
  const steps: Record<keyof StepColumns, number[]> = {
    step: [],
    tokens: [],
    seconds: [],
    loss: [],
    lr: [],
    gradientNorm: [],
    tokensPerSecond: [],
  };
  const scores: Score[] = [];
  let result: TrainResult | undefined;
  const lines = text.split("\n");
  lines.forEach((line, i) => {
    const values = parseObject(line);
    if (values === undefined) {
      if (i === lines.length - 1) return;
      throw new FormatError(`${path}: line ${i + 1} is no JSON object; it is not what training wrote`);
    }
    const number = (key: string): number => {
      const value = values[key];
      if (typeof value === "number" && Number.isFinite(value)) return value;
      throw new FormatError(`${path}: line ${i + 1} has no number "${key}"; it is not what training wrote`);
    };
    const score = (step: number): Score => ({
      step,
      bitsPerByte: number("valBitsPerByte"),
      natsPerToken: number("valNatsPerToken"),
    });
    if ("steps" in values) {
      scores.push(score(number("steps")));
      for (const key of ["tokens", "seconds", "tokensPerSecond", "trainLoss"]) number(key);
      result = { ...(values as unknown as TrainResult), sha256: String(values.sha256) };
    } else if ("valBitsPerByte" in values) {
      scores.push(score(number("step")));
    } else {
      for (const column of stepColumns) steps[column].push(number(column));
      const [before, step] = steps.step.slice(-2);
      if (step <= before) throw new FormatError(`${path}: line ${i + 1} has step ${step} after step ${before}`);
    }
  });
  return { steps, scores, result };
}

/** Looks that are damaged are left out: the rest of the report does not depend on them. */
function readLooks(path: string): Look[] {
  if (!existsSync(path)) return [];
  const looks = new Map<number, Look>();
  for (const line of readFile(path).split("\n")) {
    const values = parseObject(line);
    if (typeof values?.step !== "number" || !Array.isArray(values.layers) || !values.layers.every(isLayer)) continue;
    looks.set(values.step, {
      step: values.step,
      layers: values.layers,
      ...(values.text !== undefined && { prompt: String(values.prompt), text: String(values.text) }),
    });
  }
  return [...looks.values()].sort((a, b) => a.step - b.step);
}

function isLayer(value: Record<string, unknown> | null): boolean {
  const numbers = [
    value?.zero,
    value?.plus,
    value?.minus,
    ...(Array.isArray(value?.halfLife) ? value.halfLife : [null]),
  ];
  return numbers.length === 10 && numbers.every((number) => typeof number === "number");
}

/** A model that cannot be read is none: the metrics tell of the run without it. */
function readModel(path: string, withLayers: boolean): ModelRecord | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const bytes = readFileSync(path);
    const { config, source, metadata } = readModelFile(bytes, path);
    return {
      sha256: createHash("sha256").update(bytes).digest("hex"),
      step: metadata.step === undefined ? undefined : Number(metadata.step),
      config,
      layersAtRest: withLayers && source.kind === "values" ? layersAtRest(config, source.values) : undefined,
    };
  } catch (error) {
    if (error instanceof ThunderboltError) return undefined;
    throw error;
  }
}

function readFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new FormatError(`${path} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
