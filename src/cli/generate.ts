import { Command } from "commander";
import { OptionError } from "../engine/errors.ts";
import type { FinishReason } from "../inference/continuation.ts";
import type { GenerateOptions } from "../inference/generate.ts";
import { openModel } from "../run/open-model.ts";
import { kernelsAsked, kernelsOption, number, several } from "./options.ts";
import { count, printResult } from "./output.ts";

interface Flags extends Omit<GenerateOptions, "stop" | "signal"> {
  readonly prompt: string;
  readonly stop?: string[];
  readonly count: number;
  readonly kernels?: string;
  readonly json?: boolean;
}

/** One generated text, as --json prints it. */
interface Generated {
  text: string;
  tokens: number;
  /** Of all texts together, until this one ended. */
  tokensPerSecond: number;
  finishReason: FinishReason | undefined;
  readonly seed: number;
}

/** `thunderbolt generate` */
export function generateCommand(): Command {
  return new Command("generate")
    .description("Continue a prompt, streaming the text.")
    .argument("[model]", "a run folder or a model file")
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
    .option(...kernelsOption)
    .option("--json", "print the result as one JSON object (with --count above 1, as an array in `texts`)")
    .addHelpText("after", '\nExample:\n  $ thunderbolt generate runs/a --prompt "The dog" --temperature 0.7 --seed 3')
    .action(async (path: string | undefined, flags: Flags) => {
      const { prompt, count: texts, kernels, json, ...options } = flags;
      if (path === undefined)
        throw new OptionError(
          "no model is given, and none ships with this version; give a run folder, for example: thunderbolt generate runs/start",
        );
      const { seed: firstSeed = 0 } = options;
      using model = openModel(path, { kernels: kernelsAsked(kernels) });
      const results: Generated[] = [];
      const started = performance.now();
      let tokensOfAll = 0;
      // texts grow side by side and are printed one after the other; the first piece brings the prompt, and nothing
      // comes before it, so that what is refused leaves nothing on stdout
      const unprinted: string[] = [];
      let printing = 0;
      for await (const piece of model.generateBatch([prompt], { ...options, count: texts })) {
        const { index, text, tokens, finishReason } = piece;
        results[index] ??= { text: "", tokens: 0, tokensPerSecond: 0, finishReason, seed: firstSeed + index };
        const result = results[index];
        tokensOfAll += tokens - result.tokens;
        result.text += text;
        result.tokens = tokens;
        result.finishReason = finishReason;
        if (finishReason) result.tokensPerSecond = (tokensOfAll / (performance.now() - started)) * 1000;
        if (json) continue;
        unprinted[index] = (unprinted[index] ?? prompt) + text;
        for (; results[printing]; printing++) {
          const { tokens, tokensPerSecond, finishReason, seed } = results[printing];
          process.stdout.write(unprinted[printing]);
          unprinted[printing] = "";
          if (!finishReason) break;
          process.stdout.write("\n");
          process.stderr.write(`\n${tokens} tokens, ${count(tokensPerSecond)} tokens/s, seed ${seed}\n`);
        }
      }
      if (json) printResult(true, texts === 1 ? results[0] : { texts: results }, () => "");
    });
}
