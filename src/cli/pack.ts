import { createHash } from "node:crypto";
import { Command } from "commander";
import { OptionError } from "../engine/errors.ts";
import { compileKernels } from "../engine/module.ts";
import { parameterTable } from "../engine/parameters.ts";
import { writePacked } from "../formats/packed-file.ts";
import { readModelFile } from "../inference/open-file.ts";
import { packModel } from "../inference/pack-model.ts";
import { readModelBytes } from "../run/open-model.ts";
import { checkOutFile } from "../run/out-file.ts";
import { writeWhole } from "../run/write-file.ts";
import { kernelsAsked, kernelsOption } from "./options.ts";
import { count, printResult } from "./output.ts";

/** `thunderbolt pack` */
export function packCommand(): Command {
  return new Command("pack")
    .description("Write a model as one small file: two bits a weight, int8 embedding, tokenizer inside.")
    .argument("<model>", "a run folder or a model file")
    .requiredOption("-o, --output <file>", "the file to write, for example model.thunderbolt")
    .option(...kernelsOption)
    .option("--json", "print the result as one JSON object")
    .addHelpText("after", "\nExample:\n  $ thunderbolt pack runs/a -o stories.thunderbolt")
    .action(async (path: string, flags: { output: string; kernels?: string; json?: boolean }) => {
      checkOutFile(flags.output);
      const { file, bytes } = await readModelBytes(path);
      const { config, tokenizer, source } = readModelFile(bytes, file);
      if (source.kind === "packed") throw new OptionError(`${file} is packed already`);
      const packed = packModel(compileKernels(kernelsAsked(flags.kernels)), config, source.values);
      const chunks = writePacked(config, tokenizer.json, packed);
      writeWhole(flags.output, chunks);
      const hash = createHash("sha256");
      for (const chunk of chunks) hash.update(chunk);
      const total = (arrays: readonly Uint8Array[]) => arrays.reduce((sum, { length }) => sum + length, 0);
      const matrices = parameterTable(config).filter(({ kind }) => kind === "ternary");
      const result = {
        bytes: total(chunks),
        ternaryBytes: total(matrices.map((parameter) => packed.matrix(parameter).codes)),
        sha256: hash.digest("hex"),
      };
      printResult(flags.json, result, () => {
        const share = ((100 * result.bytes) / bytes.length).toFixed(1);
        return `${flags.output}: ${count(result.bytes)} bytes, ${share} % of ${file}; sha256 ${result.sha256}`;
      });
    });
}
