import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { json, smallInputs, temporaryFolder } from "./harness.ts";

const folder = temporaryFolder();
const inputs = smallInputs(folder);
const [, text, ...small] = inputs.train;
const run = (workers: number) => join(folder, `run-${workers}`);

/** A hash of the optimiser's state; the file around it also knows how long the run took. */
function momentsOf(run: string): string {
  const { tensors } = readSafetensors(readFileSync(join(run, "state.safetensors")));
  const hash = createHash("sha256");
  for (const [name, { bytes }] of tensors) hash.update(name).update(bytes);
  return hash.digest("hex");
}

/** What a training, a score and some texts come to with so many threads. */
async function resultOf(workers: number): Promise<Record<string, unknown>> {
  const threads = ["--workers", String(workers)];
  const options = [...small.slice(0, -2), ...threads];
  const out = run(workers);
  const { sha256: model } = await json(["train", text, ...options, "--steps", "30", "--val", text, "--out", out]);
  const score = await json(["eval", out, "--data", text, ...threads]);
  const { texts } = await json(["generate", out, "--count", "7", "--max-tokens", "20", ...threads]);
  return {
    model,
    state: momentsOf(out),
    score: score.bitsPerByte,
    texts: (texts as { text: string }[]).map((one) => one.text),
  };
}

describe("the number of threads changes nothing", () => {
  let alone: Record<string, unknown>;
  beforeAll(async () => {
    alone = await resultOf(1);
    expect(alone.texts).toHaveLength(7);
  });

  // more threads than sequences in a batch, than cores, than texts
  test.each([2, 3, 5, 8])("%i threads", async (workers) => {
    expect(await resultOf(workers)).toEqual(alone);
  });
});
