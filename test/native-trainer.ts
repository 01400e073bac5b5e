import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

type Merge = [string, string];

const BYTE_LEVEL = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };

/**
 * What Hugging Face's trainer, the native package `tokenizers` with its defaults, learns from each of some corpora: all
 * merges, or the first 30,000 or so.
 */
export function nativeMerges(corpora: readonly (readonly string[])[]): Merge[][] {
  const folder = mkdtempSync(join(tmpdir(), "thunderbolt-native-"));
  const untrained = {
    version: "1.0",
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: BYTE_LEVEL,
    post_processor: null,
    decoder: BYTE_LEVEL,
    model: { type: "BPE", vocab: {}, merges: [] },
  };
  // in a process of its own, since it prints its progress to the standard streams
  const script = `
    const { Tokenizer } = require(process.argv[1]);
    for (let i = 0; i < ${corpora.length}; i++) {
      const tokenizer = Tokenizer.fromString(${JSON.stringify(JSON.stringify(untrained))});
      tokenizer.train([i + ".txt"]);
      tokenizer.save(i + ".json");
    }`;
  try {
    for (const [i, texts] of corpora.entries()) {
      writeFileSync(join(folder, `${i}.txt`), texts.map((text) => `${text}\n`).join(""));
    }
    const library = createRequire(import.meta.url).resolve("tokenizers");
    execFileSync(process.execPath, ["-e", script, library], { cwd: folder, stdio: "pipe", maxBuffer: 2 ** 28 });
    return corpora.map((_, i) => JSON.parse(readFileSync(join(folder, `${i}.json`), "utf8")).model.merges);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
