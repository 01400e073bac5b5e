import { readFileSync } from "node:fs";
import { Command } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import type { ModelConfig, Preset } from "../engine/config.ts";
import { ConfigError } from "../engine/errors.ts";
import { countParameters } from "../engine/parameters.ts";
import { train } from "../run/train.ts";
import { InterruptedError, type TrainOptions, type TrainProgress } from "../run/train-options.ts";
import { interruptSignal } from "./interrupt.ts";
import { kernelsAsked, kernelsOption, number, workersOption } from "./options.ts";
import { count, duration, Progress, printResult, timedShower } from "./output.ts";
import { RunningReport } from "./running-report.ts";

interface Flags extends Omit<TrainOptions, "data" | "config" | "preset"> {
  readonly preset: string;
  readonly config?: string;
  readonly seqLen?: number;
  readonly vocab?: number;
  readonly json?: boolean;
}

/** `thunderbolt train` */
export function trainCommand(): Command {
  return new Command("train")
    .description("Train a model on a text or a prepared folder, score it, and save it.")
    .argument(
      "<text>",
      "a UTF-8 text file, whose stories lines <|endoftext|> end; or a folder from thunderbolt prepare",
    )
    .requiredOption("--out <run>", "the folder that receives the run")
    .option("--preset <name>", "tiny, small, medium or v5", "tiny")
    .option("--config <file>", "JSON with fields that differ from the preset's")
    .option(
      "--steps <n>",
      "steps to train for (default 1000); with --resume: another number changes the learning rate from there on",
      number,
    )
    .option("--minutes <m>", "train for about this long instead", number)
    .option("--batch <b>", "sequences in a micro-batch", number)
    .option("--accumulate <a>", "micro-batches in a step", number)
    .option("--seq-len <t>", "tokens in a sequence", number)
    .option("--vocab <v>", "tokens in the vocabulary (a prepared folder has its own)", number)
    .option("--lr <x>", "peak learning rate", number)
    .option("--min-lr <x>", "learning rate at the end (default: the preset's share of the peak)", number)
    .option("--warmup-steps <n>", "steps of rising learning rate", number)
    .option("--weight-decay <x>", "decoupled weight decay", number)
    .option("--seed <s>", "seed of weights and order of windows (default 0)", number)
    .option(...workersOption)
    .option("--val <text>", "score with this text (default: one story in fifty is held out)")
    .option("--save-every <n>", "steps between saves (default 500)", number)
    .option("--keep <k>", "states that are kept, in case the last one is damaged (default 2)", number)
    .option(
      "--eval-every <n>",
      "score every so many steps, and keep the model that scores best as best.safetensors",
      number,
    )
    .option(
      "--resume",
      "go on with the run in --out, with the same text and settings; the result is that of a run in one piece",
    )
    .option("--overwrite", "replace the run in --out")
    .option(...kernelsOption)
    .option("--json", "print the result as one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  $ thunderbolt train stories.txt --out runs/a --minutes 10          # and look at runs/a/report.html
  $ thunderbolt train stories.txt --out runs/b --preset small --steps 2000 --val held-out.txt
  $ thunderbolt train stories.txt --out runs/b --preset small --steps 2000 --val held-out.txt --resume`,
    )
    .action(async (data: string, flags: Flags) => {
      const { preset, config, seqLen, vocab, json, kernels, ...rest } = flags;
      using progress = new Progress();
      const show = shower(progress);
      const signal = interruptSignal("stopping");
      const report = await RunningReport.of(flags.out);
      const writeReport = () => {
        const problem = report.write();
        if (problem !== undefined) progress.say(problem);
        return problem === undefined;
      };
      const result = await train({
        ...rest,
        data,
        preset: preset as Preset, // checked by train
        config: {
          ...readConfig(config),
          ...(seqLen !== undefined && { seqLen }),
          ...(vocab !== undefined && { vocabSize: vocab }),
        },
        ...optional("kernels", kernelsAsked(kernels)),
        startedBy: { command: ["thunderbolt", ...process.argv.slice(2)], version: packageJson.version },
        onProgress: (event) => {
          show(event);
          report.hear(event);
        },
        signal,
      }).catch((error) => {
        if (error instanceof InterruptedError) writeReport();
        throw error;
      });
      const reported = writeReport();
      progress.done();
      printResult(json, result, () =>
        [
          `trained ${count(result.steps)} steps, ${count(result.tokens)} tokens in ${duration(result.seconds)} (${count(result.tokensPerSecond)} tokens/s)`,
          `train loss ${result.trainLoss.toFixed(3)} nats/token; held-out ${result.valNatsPerToken.toFixed(3)} nats/token, ${result.valBitsPerByte.toFixed(3)} bits/byte`,
          `saved ${flags.out}/model.safetensors, sha256 ${result.sha256}`,
          ...(result.best
            ? [
                `best held-out ${result.best.valBitsPerByte.toFixed(3)} bits/byte after step ${count(result.best.step)}: ${flags.out}/best.safetensors`,
              ]
            : []),
          ...(reported ? [`report: ${flags.out}/report.html`] : []),
        ].join("\n"),
      );
    });
}

function shower(progress: Progress): (event: TrainProgress) => void {
  let scoring: ReturnType<typeof timedShower> | undefined;
  return (event) => {
    switch (event.kind) {
      case "resumed": {
        const { step, stepsBefore, steps } = event;
        const changed = stepsBefore !== undefined && steps !== stepsBefore;
        const note = `; the run was started for ${stepsBefore} steps, and from here on its learning rate follows ${steps}`;
        progress.say(`going on after step ${step}${changed ? note : ""}`);
        break;
      }
      case "corpus": {
        const { config, stories, bytes, tokens, workers } = event;
        const { total, ternary } = countParameters(config);
        progress.say(
          `${count(total)} parameters, ${count(ternary)} of them ternary; ${count(stories)} stories, ${count(bytes)} bytes, ${count(tokens)} tokens; ${workers} workers; ln V = ${Math.log(config.vocabSize).toFixed(2)}`,
        );
        break;
      }
      case "step": {
        const { step, steps, loss, lr, tokensPerSecond, seconds } = event;
        const left = steps === undefined ? "" : `  ${duration((seconds / step) * (steps - step))} left`;
        progress.show(
          `step ${step}${steps === undefined ? "" : `/${steps}`}  loss ${loss.toFixed(3)}  lr ${lr.toExponential(1)}  ${count(tokensPerSecond)} tokens/s${left}`,
          steps === undefined ? 0 : step / steps,
          step === 1 || step === steps,
        );
        break;
      }
      case "damaged":
        progress.say(event.message);
        break;
      case "scored":
        progress.say(
          `step ${event.step}  held-out ${event.bitsPerByte.toFixed(3)} bits/byte${event.best ? ", the best so far" : ""}`,
        );
        break;
      case "evaluating":
        scoring ??= timedShower(progress, "scoring", "tokens", event.done);
        scoring(event.done, event.all);
        break;
      case "saved":
        break;
    }
  };
}

function readConfig(path: string | undefined): Partial<ModelConfig> {
  if (path === undefined) return {};
  const expected = 'expected a JSON file with an object such as {"nLayers": 8}';
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new ConfigError(`${path} ${code === "ENOENT" ? "does not exist" : `cannot be read (${code})`}; ${expected}`);
  }
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (cause) {
    throw new ConfigError(`${path} is not JSON (${(cause as Error).message}); ${expected}`, { cause });
  }
  // an array or a string would otherwise count as an object without fields, or with fields 0, 1, 2
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    const found = config === null ? "null" : Array.isArray(config) ? "an array" : `a ${typeof config}`;
    throw new ConfigError(`${path} holds ${found}; ${expected}`);
  }
  return config;
}

function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}
