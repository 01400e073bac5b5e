import { availableParallelism } from "node:os";
import { Command } from "commander";
import { OptionError } from "../engine/errors.ts";
import { namingLater } from "../engine/naming.ts";
import { openModel } from "../run/open-model.ts";
import { readText } from "../run/read-text.ts";
import { kernelsAsked, kernelsOption, workersOption } from "./options.ts";
import { count, Progress, printResult, timedShower } from "./output.ts";

interface Flags {
  readonly data: string;
  readonly mode: string;
  readonly asReleased?: boolean;
  readonly workers?: number;
  readonly kernels?: string;
  readonly json?: boolean;
}

/** `thunderbolt eval` */
export function evalCommand(): Command {
  return new Command("eval")
    .description("Score a text: bits per byte, nats per token, perplexity.")
    .argument("<model>", "a run folder or a model file")
    .requiredOption("--data <text>", "a UTF-8 text file; lines <|endoftext|> end its stories")
    .option(
      "--mode <mode>",
      "window: in windows, fast; stream: token by token, as generation does. Same figures",
      "window",
    )
    .option(
      "--as-released",
      "score as the FlashLM release does: lines joined, <|endoftext|> as text, in windows from nothing; the bytes stay those of the stories",
    )
    .option(...workersOption)
    .option(...kernelsOption)
    .option("--json", "print the result as one JSON object")
    .addHelpText("after", "\nExample:\n  $ thunderbolt eval runs/a --data held-out.txt --json")
    .action(async (path: string, flags: Flags) => {
      const { mode, asReleased } = flags;
      if (mode !== "window" && mode !== "stream")
        throw new OptionError(`unknown mode "${mode}"; known: window, stream`);
      const text = readText(flags.data);
      using model = await openModel(path, {
        kernels: kernelsAsked(flags.kernels),
        workers: flags.workers ?? availableParallelism(),
      });
      using progress = new Progress();
      const started = performance.now();
      const onProgress = timedShower(progress, "scoring", "tokens");
      const score = await namingLater(flags.data, () => model.evaluate(text, { mode, asReleased, onProgress }));
      progress.done();
      const result = { ...score, tokensPerSecond: (score.tokens / (performance.now() - started)) * 1000 };
      printResult(flags.json, result, () =>
        [
          `${score.bitsPerByte.toFixed(4)} bits/byte  ${score.natsPerToken.toFixed(4)} nats/token  perplexity ${score.perplexity.toFixed(2)}`,
          `${count(score.tokens)} tokens, ${count(score.bytes)} bytes, ${count(result.tokensPerSecond)} tokens/s`,
          ...(score.causal
            ? []
            : [
                "NOT CAUSAL: this model's head norm showed it the tokens that it was scored on; the figures say nothing about how well it predicts",
              ]),
        ].join("\n"),
      );
    });
}
