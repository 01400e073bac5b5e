import { createHash } from "node:crypto";
import { Command } from "commander";
import { compileKernels, whyNotRelaxed } from "../engine/module.ts";
import { countParameters, parameterTable } from "../engine/parameters.ts";
import { Model } from "../inference/model.ts";
import { readModelFile } from "../inference/open-file.ts";
import { readModelBytes } from "../run/open-model.ts";
import { kernelsAsked, kernelsOption } from "./options.ts";
import { count, printResult } from "./output.ts";

/** `thunderbolt info` */
export function infoCommand(): Command {
  return new Command("info")
    .description("Show a model's configuration, parameters, size and hash.")
    .argument("<model>", "a run folder or a model file")
    .option(...kernelsOption)
    .option("--json", "print the result as one JSON object")
    .addHelpText("after", "\nExample:\n  $ thunderbolt info runs/a")
    .action(async (path: string, flags: { kernels?: string; json?: boolean }) => {
      const kernels = kernelsAsked(flags.kernels);
      const { file, bytes } = await readModelBytes(path);
      // only what also loads is described: every tensor is there, in its shape, finite, and the tokenizer fits
      Model.fromBytes(bytes, { name: file, kernels }).dispose();
      const { config, metadata } = readModelFile(bytes, file);
      const info = {
        file,
        bytes: bytes.length,
        sha256: createHash("sha256").update(bytes).digest("hex"),
        step: metadata.step === undefined ? null : Number(metadata.step),
        config,
        counts: countParameters(config),
        kernels: compileKernels(kernels).set,
        relaxedSimd: whyNotRelaxed() === undefined,
        parameters: parameterTable(config).map(({ name, kind, shape }) => ({ name, kind, shape })),
      };
      printResult(flags.json, info, () => {
        const { total, ternary, embedding, vector } = info.counts;
        return [
          `${file}: ${count(info.bytes)} bytes, sha256 ${info.sha256}`,
          `${count(total)} parameters: ${count(ternary)} ternary, ${count(embedding)} embedding, ${count(vector)} in vectors`,
          ...Object.entries(config).map(([name, value]) => `  ${name} ${value}`),
          `kernels here: ${info.kernels}; relaxed SIMD: ${whyNotRelaxed() ?? "available"}`,
          ...info.parameters.map(
            ({ name, kind, shape }) => `  ${name.padEnd(32)} ${kind.padEnd(10)} [${shape.join(", ")}]`,
          ),
        ].join("\n");
      });
    });
}
