import { Command } from "commander";
import { OptionError } from "../engine/errors.ts";
import { countParameters } from "../engine/parameters.ts";
import { importCheckpoint } from "../run/import-checkpoint.ts";
import { number } from "./options.ts";
import { count, printResult } from "./output.ts";

interface Flags {
  readonly out: string;
  readonly tokenizer: string;
  readonly headNorm?: string;
  readonly heads?: number;
  readonly seqLen?: number;
  readonly json?: boolean;
}

/** `thunderbolt import` */
export function importCommand(): Command {
  return new Command("import")
    .description("Take over weights that PyTorch saved. Nothing in the file is ever run.")
    .argument("<checkpoint>", "a .pt or .pth file of torch.save, or .safetensors, with the names of FlashLM v5")
    .requiredOption("-o, --out <folder>", "the folder that gets model.safetensors and tokenizer.json")
    .requiredOption("--tokenizer <file>", "the tokenizer.json that the weights were trained with")
    .option("--head-norm <over>", "window: as released, not causal; token: the same weights read as a causal model")
    .option("--heads <n>", "heads of the recurrence, where the file does not say (default 8)", number)
    .option("--seq-len <t>", "tokens of a window, where the file does not say (default 256)", number)
    .option("--json", "print the result as one JSON object")
    .addHelpText("after", "\nExample:\n  $ thunderbolt import best.pt --tokenizer tokenizer.json -o runs/released")
    .action((checkpoint: string, flags: Flags) => {
      const { headNorm, ...rest } = flags;
      if (headNorm !== undefined && headNorm !== "window" && headNorm !== "token") {
        throw new OptionError(`unknown head norm "${headNorm}"; known: window, token`);
      }
      const { config, bytes, sha256 } = importCheckpoint({ ...rest, checkpoint, headNorm });
      const { total, ternary } = countParameters(config);
      const result = { parameters: total, headNorm: config.headNorm, config, bytes, sha256 };
      printResult(flags.json, result, () =>
        [
          `${flags.out}: ${count(total)} parameters, ${count(ternary)} of them ternary; ${count(bytes)} bytes, sha256 ${sha256}`,
          ...meaning[config.headNorm],
        ].join("\n"),
      );
    });
}

/** What to know of the result. */
const meaning = {
  window: [
    "head norm over the window, as released: every token sees the whole window, so it scores and audits, but its scores are not causal, and it neither streams nor generates",
    "--head-norm token reads the same weights as a causal model, which generates; they were not trained for that, so it is another and a worse model until it is trained on",
  ],
  token: [
    "head norm per token: a causal model; weights that were trained with the release's norm over the window do worse here than their training said",
  ],
} as const;
