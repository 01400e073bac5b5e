import { availableParallelism } from "node:os";
import { Command } from "commander";
import type { FinishReason } from "../inference/continuation.ts";
import type { GenerateOptions } from "../inference/generate.ts";
import type { BatchOptions } from "../inference/generate-batch.ts";
import type { Model } from "../inference/model.ts";
import { openModel } from "../run/open-model.ts";
import { kernelsAsked, kernelsOption, number, several, workersOption } from "./options.ts";
import { count, printResult } from "./output.ts";
import { shippedModel } from "./shipped-model.ts";

interface Flags extends Omit<GenerateOptions, "stop" | "signal"> {
  readonly prompt: string;
  readonly stop?: string[];
  readonly count: number;
  readonly workers?: number;
  readonly kernels?: string;
  readonly json?: boolean;
}

/** One generated text, as --json prints it. */
interface Generated {
  readonly text: string;
  readonly tokens: number;
  /** Of all texts so far together. */
  readonly tokensPerSecond: number;
  readonly finishReason: FinishReason;
  readonly seed: number;
}

/** `thunderbolt generate` */
export function generateCommand(): Command {
  return new Command("generate")
    .description("Continue a prompt, streaming the text.")
    .argument("[model]", "a run folder or a model file (default: the model that ships)")
    .option("--prompt <text>", "how the text begins", "Once upon a time")
    .option("--max-tokens <n>", "tokens at most (default 256)", number)
    .option("--temperature <x>", "0 takes the likeliest token (default 0.8)", number)
    .option("--top-k <k>", "choose among the k likeliest, 0 among all (default 50)", number)
    .option("--top-p <p>", "choose among the likeliest that reach this probability (default 1)", number)
    .option("--min-p <p>", "leave out what is below this share of the likeliest (default 0)", number)
    .option("--repetition-penalty <r>", "above 1: avoid tokens seen so far (default 1)", number)
    .option("--stop <text>", "stop before this text; may be given several times", several)
    .option("--seed <s>", "the same seed gives the same text (default 0)", number)
    .option("--count <n>", "texts to generate side by side, with seeds from --seed on", number, 1)
    .option(...workersOption)
    .option(...kernelsOption)
    .option("--json", "print the result as one JSON object (with --count above 1, as an array in `texts`)")
    .addHelpText(
      "after",
      `
Examples:
  $ thunderbolt generate --prompt "Lily found a key"
  $ thunderbolt generate runs/a --prompt "The dog" --temperature 0.7 --seed 3`,
    )
    .action(async (path: string | undefined, flags: Flags) => {
      const { prompt, count: texts, workers, kernels, json = false, ...options } = flags;
      // one text is streamed; several are shared out among threads and printed one after the other
      const threads = texts === 1 ? 1 : (workers ?? availableParallelism());
      using model = await openModel(path ?? shippedModel(), { kernels: kernelsAsked(kernels), workers: threads });
      const result =
        texts === 1
          ? await generateOne(model, prompt, options, json)
          : { texts: await generateSeveral(model, prompt, { ...options, count: texts }, json) };
      if (json) printResult(true, result, () => "");
    });
}

/** Streams one text, unless it is to be printed as JSON. */
async function generateOne(model: Model, prompt: string, options: GenerateOptions, json: boolean): Promise<Generated> {
  const perSecond = speedometer();
  let [text, tokens, finishReason]: [string, number, FinishReason] = ["", 0, "length"];
  // with the first piece and not before it, so that what is refused leaves nothing on stdout
  let begin = prompt;
  for await (const piece of model.generate(prompt, options)) {
    text += piece.text;
    ({ tokens, finishReason = finishReason } = piece);
    if (!json) process.stdout.write(begin + piece.text);
    begin = "";
  }
  const generated = { text, tokens, tokensPerSecond: perSecond(tokens), finishReason, seed: options.seed ?? 0 };
  if (!json) {
    process.stdout.write("\n");
    tellSpeed(generated);
  }
  return generated;
}

/** Prints several texts in the order of their seeds, unless they are to be printed as JSON. */
async function generateSeveral(
  model: Model,
  prompt: string,
  options: BatchOptions,
  json: boolean,
): Promise<readonly Generated[]> {
  const perSecond = speedometer();
  const all: Generated[] = [];
  let tokensOfAll = 0;
  for await (const { text, tokens, finishReason, index } of model.generateTexts([prompt], options)) {
    tokensOfAll += tokens;
    const seed = (options.seed ?? 0) + index;
    const generated = { text, tokens, tokensPerSecond: perSecond(tokensOfAll), finishReason, seed };
    all.push(generated);
    if (json) continue;
    process.stdout.write(`${prompt}${text}\n`);
    tellSpeed(generated);
  }
  return all;
}

/** Gives the tokens per second since now of so many tokens. */
function speedometer(): (tokens: number) => number {
  const started = performance.now();
  return (tokens) => (tokens / (performance.now() - started)) * 1000;
}

function tellSpeed({ tokens, tokensPerSecond, seed }: Generated): void {
  process.stderr.write(`\n${tokens} tokens, ${count(tokensPerSecond)} tokens/s, seed ${seed}\n`);
}
