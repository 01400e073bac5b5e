import { availableParallelism } from "node:os";
import { Command } from "commander";
import { OptionError } from "../engine/errors.ts";
import { type BenchmarkOptions, benchmark } from "../run/benchmark.ts";
import { kernelsAsked, kernelsOption, number } from "./options.ts";
import { count, duration, Progress, printResult } from "./output.ts";

/** `thunderbolt bench` */
export function benchCommand(): Command {
  return new Command("bench")
    .description("Measure this machine: kernels, training, decoding, reading of prompts.")
    .option("--preset <name>", "tiny, small, medium or v5", "tiny")
    .option("--activations <kind>", "float32 or int8; by default the preset's")
    .option("--workers <w>", "threads of the training figure", number, availableParallelism())
    .option("--seconds <s>", "time for each of its 14 figures", number, 1)
    .option(...kernelsOption)
    .option("--json", "print the result as one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  $ thunderbolt bench --preset v5 --workers 1 --seconds 5
  $ THUNDERBOLT_REVECTORIZE=1 thunderbolt bench   # experimental: 256-bit vectors, where V8 finds them`,
    )
    .action(async (flags: BenchmarkOptions & { json?: boolean }) => {
      const { json, ...options } = flags;
      const { preset, seconds } = options;
      if (!(seconds > 0 && seconds <= 600))
        throw new OptionError(`seconds is ${seconds}; it must be a number above 0, to 600`);
      using progress = new Progress();
      // each is timed for so long after a fifth of that, in which the compiler warms up
      const left = (figures: number) => duration(1.2 * seconds * figures);
      const onFigure = (what: string, done: number, all: number) =>
        progress.show(`${done + 1} of ${all} figures: ${what}  ${left(all - done)} left`, done / all);
      const result = await benchmark({ ...options, kernels: kernelsAsked(options.kernels), onFigure });
      progress.done();
      printResult(json, result, () =>
        [
          `${result.runtime}, kernels ${result.kernelSet} (relaxed SIMD ${result.relaxedSimd ? "" : "not "}available)${result.revectorize ? ", revectorised" : ""}; billions of multiply-adds a second on one core:`,
          ...Object.entries(result.kernels).map(([name, gmacs]) => `  ${name.padEnd(24)} ${gmacs.toFixed(1)}`),
          `preset ${preset}, tokens/s: training ${count(result.train.tokensPerSecond)} on ${result.train.workers} workers, decoding ${count(result.decode.tokensPerSecond)}, ${result.batchDecode.sessions} sessions at once ${count(result.batchDecode.tokensPerSecond)}, reading a prompt ${count(result.prefill.tokensPerSecond)}`,
        ].join("\n"),
      );
    });
}
