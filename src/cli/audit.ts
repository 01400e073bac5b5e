import { Command } from "commander";
import { openModel } from "../run/open-model.ts";
import { kernelsAsked, kernelsOption, number } from "./options.ts";
import { printResult } from "./output.ts";

/** `thunderbolt audit` */
export function auditCommand(): Command {
  return new Command("audit")
    .description("Prove or refute that the model is causal: that no logit depends on later tokens.")
    .argument("<model>", "a run folder or a model file")
    .option("--seed <s>", "seed of the windows that are tried (default 0)", number)
    .option(...kernelsOption)
    .option("--json", "print the result as one JSON object")
    .addHelpText("after", "\nExample:\n  $ thunderbolt audit runs/a")
    .action(async (path: string, flags: { seed?: number; kernels?: string; json?: boolean }) => {
      using model = await openModel(path, { kernels: kernelsAsked(flags.kernels) });
      const audit = model.audit(flags.seed);
      printResult(flags.json, { where: null, ...audit }, () => {
        if (audit.causal)
          return `causal: in ${audit.windows} windows no logit changed in any bit with later tokens, and windows, prefixes and streams agree`;
        const { test, position, changedFrom } = audit.where ?? { test: "future", position: 0, changedFrom: 0 };
        const how =
          test === "future" ? `when tokens from ${changedFrom} on changed` : "between the window and its prefix alone";
        return `NOT CAUSAL: the logits of token ${position} changed by ${audit.largestLeak.toPrecision(3)} ${how}; no score of this model is a prediction`;
      });
    });
}
