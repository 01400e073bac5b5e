import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadModel, train, trainText } from "../src/index.ts";
import { smallInputs, temporaryFolder } from "./cli/harness.ts";

const folder = temporaryFolder();
const inputs = smallInputs(folder);
const text = readFileSync(inputs.text, "utf8");
const config = { dModel: 16, nHeads: 2, nLayers: 2, dFfn: 32, vocabSize: 300, seqLen: 16 };
// threads need the built package; kernels "single" do without
const alone = { config, kernels: "single", batch: 4 } as const;

test("training in memory gives the bytes and the scores of training from a file", async () => {
  const kinds = new Set<string>();
  const trained = await trainText({ ...alone, text, steps: 30, onProgress: ({ kind }) => kinds.add(kind) });
  const out = join(folder, "run");
  const {
    sha256: _,
    best: __,
    tokensPerSecond: ___,
    ...expected
  } = await train({
    ...alone,
    data: inputs.text,
    steps: 30,
    out,
  });
  expect(trained.file).toEqual(new Uint8Array(readFileSync(join(out, "model.safetensors"))));
  expect(trained).toMatchObject({ ...expected, seconds: expect.any(Number), stopped: false });
  expect([...kinds]).toEqual(["corpus", "step", "evaluating"]);
});

test("a signal ends it with the model so far, which is the last snapshot", async () => {
  const controller = new AbortController();
  let snapshot = new Uint8Array();
  const { file, steps, stopped } = await trainText({
    ...alone,
    text,
    steps: 1000,
    signal: controller.signal,
    onProgress: (event) => {
      if (event.kind !== "step" || event.step < 5) return;
      snapshot = new Uint8Array(event.snapshot());
      controller.abort();
    },
  });
  expect({ steps, stopped }).toEqual({ steps: 5, stopped: true });
  expect(file).toEqual(snapshot);
  const model = await loadModel(file);
  expect(model.config).toMatchObject(config);
  model.dispose();
});

test("before its first step it gives the signal's reason, and what cannot be trained is refused", async () => {
  await expect(trainText({ ...alone, text, signal: AbortSignal.abort(new Error("never mind")) })).rejects.toThrow(
    "never mind",
  );
  await expect(trainText({ ...alone, text: " " })).rejects.toMatchObject({ code: "BAD_TEXT" });
  await expect(trainText({ ...alone, text, steps: 0 })).rejects.toMatchObject({ code: "BAD_OPTION" });
  await expect(trainText({ ...alone, text, config: { dModel: -1 } })).rejects.toMatchObject({ code: "BAD_CONFIG" });
});
