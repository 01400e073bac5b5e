import { existsSync, readFileSync } from "node:fs";
import { type ModelConfig, parseConfig } from "../engine/config.ts";
import type { KernelSet } from "../engine/instance.ts";
import type { TrainingSettings } from "../train/settings.ts";
import type { Host } from "./host.ts";
import { writeWhole } from "./write-file.ts";

/** One side of what a run reads, in numbers. */
export interface SideFigures {
  readonly stories: number;
  /** UTF-8 bytes of the stories' text. */
  readonly bytes: number;
  readonly tokens: number;
  /** Of the tokens. */
  readonly sha256: string;
}

/** The command that started a run. */
export interface StartedBy {
  /** Its words, the first one the program's name. */
  readonly command: readonly string[];
  /** Of this package. */
  readonly version: string;
}

/** A stretch of a run that one process did: where, and with what. The model does not depend on any of it. */
export interface RunPart extends Host {
  /** Steps done before it. */
  readonly fromStep: number;
  /** When it began, ISO 8601. */
  readonly started: string;
  readonly workers: number;
  readonly kernels: KernelSet;
  /** Whether V8 was asked to join vector instructions (revectorize.ts). */
  readonly revectorize: boolean;
  /** Undefined for a run that a program started. */
  readonly startedBy?: StartedBy | undefined;
}

/** What a run is, apart from how it goes: run.json. */
export interface RunDescription {
  readonly preset: string;
  /** Paths as they were given. */
  readonly data: string;
  readonly val?: string | undefined;
  readonly config: ModelConfig;
  readonly settings: TrainingSettings;
  readonly corpus: { readonly training: SideFigures; readonly heldOut: SideFigures };
  /** In order; more than one where it was resumed. */
  readonly parts: readonly RunPart[];
}

/**
 * Writes what a run is. One that goes on keeps the parts that it has; those after the step from which it goes on were
 * lost.
 *
 * @throws SaveError
 */
export function describeRun(path: string, run: Omit<RunDescription, "parts">, part: RunPart): void {
  const before = part.fromStep === 0 ? [] : (readDescription(path)?.parts ?? []);
  const parts = [...before.filter(({ fromStep }) => fromStep < part.fromStep), part];
  writeWhole(path, [new TextEncoder().encode(`${JSON.stringify({ ...run, parts }, undefined, 2)}\n`)]);
}

/** Reads it; undefined where there is none, or one that is damaged, without which a run goes on just as well. */
export function readDescription(path: string): RunDescription | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const description: RunDescription = JSON.parse(readFileSync(path, "utf8"));
    return isWhole(description) ? description : undefined;
  } catch {
    return undefined;
  }
}

/** Whether what is read is there. @throws for what is not even of the shape. */
function isWhole({ preset, data, config, settings, corpus, parts }: RunDescription): boolean {
  parseConfig(config);
  const numbers = [corpus.training, corpus.heldOut].flatMap(({ stories, bytes, tokens }) => [stories, bytes, tokens]);
  const partNumbers = parts.flatMap(({ fromStep, workers, cores, memory }) => [fromStep, workers, cores, memory]);
  const texts = [preset, data, ...parts.flatMap(({ started, cpu }) => [started, cpu])];
  const commands = parts.map(({ startedBy }) => startedBy?.command ?? []);
  return (
    [...numbers, ...partNumbers, ...Object.values(settings)].every((value) => typeof value === "number") &&
    typeof settings.clip === "number" &&
    texts.every((value) => typeof value === "string") &&
    commands.every((words) => words.every((word) => typeof word === "string"))
  );
}
