import { createHash } from "node:crypto";
import { Command } from "commander";
import { OptionError } from "../engine/errors.ts";
import { naming } from "../engine/naming.ts";
import { countParameters } from "../engine/parameters.ts";
import { writeStateDict } from "../formats/state-dict.ts";
import { readModelFile } from "../inference/open-file.ts";
import { readModelBytes } from "../run/open-model.ts";
import { checkOutFile } from "../run/out-file.ts";
import { writeWhole } from "../run/write-file.ts";
import { count, printResult } from "./output.ts";

/** `thunderbolt export` */
export function exportCommand(): Command {
  return new Command("export")
    .description("Write a model's weights for PyTorch: safetensors with the names of the original state_dict.")
    .argument("<model>", "a run folder or a model file")
    .requiredOption("-o, --output <file>", "the file to write, for example weights.safetensors")
    .option("--json", "print the result as one JSON object")
    .addHelpText(
      "after",
      '\nExample:\n  $ thunderbolt export runs/a -o weights.safetensors\n  >>> model.load_state_dict(safetensors.torch.load_file("weights.safetensors"))',
    )
    .action(async (path: string, flags: { output: string; json?: boolean }) => {
      checkOutFile(flags.output);
      const { file, bytes } = await readModelBytes(path);
      const { config, source } = readModelFile(bytes, file);
      if (source.kind === "packed") {
        throw new OptionError(
          `${file} is packed: of its matrices only signs and scales are left, from which PyTorch would compute others; export the run folder`,
        );
      }
      const chunks = naming(file, () => writeStateDict(config, source.values));
      writeWhole(flags.output, chunks);
      const hash = createHash("sha256");
      for (const chunk of chunks) hash.update(chunk);
      const result = {
        parameters: countParameters(config).total,
        headNorm: config.headNorm,
        bytes: chunks.reduce((sum, { length }) => sum + length, 0),
        sha256: hash.digest("hex"),
      };
      printResult(flags.json, result, () =>
        [
          `${flags.output}: ${count(result.parameters)} parameters, ${count(result.bytes)} bytes; sha256 ${result.sha256}`,
          ...(config.headNorm === "token"
            ? ["its head norm is per token: the release's code, which norms over the window, computes another model"]
            : []),
          ...(config.activations === "int8" ? ["PyTorch computes it with float32 activations, not int8"] : []),
        ].join("\n"),
      );
    });
}
