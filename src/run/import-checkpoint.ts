import { createHash } from "node:crypto";
import { join } from "node:path";
import type { ModelConfig } from "../engine/config.ts";
import { OptionError } from "../engine/errors.ts";
import { naming } from "../engine/naming.ts";
import { parameterTable } from "../engine/parameters.ts";
import { wholeNumber } from "../engine/whole-number.ts";
import { readCheckpoint } from "../formats/checkpoint.ts";
import { type ImportOptions, importModel } from "../formats/import-model.ts";
import { writeModelFile } from "../formats/model-file.ts";
import { Tokenizer } from "../tokenizer/tokenizer.ts";
import { readInput } from "./read-file.ts";
import { readText } from "./read-text.ts";
import { RunFolder } from "./run-folder.ts";
import { writeWhole } from "./write-file.ts";

/** What an import takes and gives. */
export interface CheckpointImport extends ImportOptions {
  /** The path of a file of torch.save, or of safetensors. */
  readonly checkpoint: string;
  /** The path of its tokenizer.json. */
  readonly tokenizer: string;
  /** The folder that gets model.safetensors and tokenizer.json. */
  readonly out: string;
}

/** A model that has been imported. */
export interface ImportedFile {
  readonly config: ModelConfig;
  /** Of model.safetensors. */
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Turns a PyTorch checkpoint into a folder that all commands open. Everything is checked before anything is written.
 *
 * @throws OptionError for paths and options that cannot be used; FormatError for a checkpoint or a tokenizer that is
 * damaged, of another model, or too much of either for the other.
 */
export function importCheckpoint(options: CheckpointImport): ImportedFile {
  const { checkpoint, headNorm, heads, seqLen } = options;
  const folder = new RunFolder(options.out);
  folder.refuseAny();
  if (headNorm !== undefined && headNorm !== "token" && headNorm !== "window") {
    throw new OptionError(`headNorm is ${headNorm}; it must be token or window`);
  }
  if (heads !== undefined) wholeNumber("heads", heads, 1, 1024);
  if (seqLen !== undefined) wholeNumber("seqLen", seqLen, 1, 65_536);

  const file = readInput(checkpoint, "a PyTorch checkpoint");
  const text = readText(options.tokenizer);
  const tokenizer = naming(options.tokenizer, () => Tokenizer.fromJson(text));
  const { config, chunks } = naming(checkpoint, () => {
    const { config, values } = importModel(readCheckpoint(file), options);
    return { config, chunks: writeModelFile(config, tokenizer.json, parameterTable(config), values) };
  });
  if (tokenizer.vocabSize !== config.vocabSize) {
    throw new OptionError(
      `tokenizer is ${options.tokenizer} of ${tokenizer.vocabSize} tokens, but the weights in ${checkpoint} are for ${config.vocabSize}; give the one that they were trained with`,
    );
  }
  folder.create();
  writeWhole(join(folder.path, "model.safetensors"), chunks);
  writeWhole(join(folder.path, "tokenizer.json"), [new TextEncoder().encode(tokenizer.json)]);
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return { config, bytes: chunks.reduce((sum, { length }) => sum + length, 0), sha256: hash.digest("hex") };
}
