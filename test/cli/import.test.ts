import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { trainVocabulary } from "../../src/tokenizer/train-vocabulary.ts";
import { text, torchFile } from "../torch-bytes.ts";
import {
  expectRefusal,
  json,
  put,
  sha256,
  smallInputs,
  snapshot,
  temporaryFolder,
  thunderbolt,
  works,
} from "./harness.ts";

const folder = temporaryFolder();
const inputs = smallInputs(folder);
const checkpoints = fileURLToPath(new URL("../fixtures/checkpoints", import.meta.url));
const bare = join(checkpoints, "bare.pt");
const released = join(folder, "released");
const causal = join(folder, "causal");
let tokenizer = "";

const importing = (checkpoint: string, out: string, ...more: string[]) => [
  "import",
  checkpoint,
  "--tokenizer",
  tokenizer,
  "-o",
  join(folder, out),
  ...more,
];

beforeAll(async () => {
  tokenizer = put(folder, "bytes.json", await trainVocabulary(["Once"], 260));
  await works(importing(bare, "released"));
  await works(importing(join(checkpoints, "compiled.pt"), "causal", "--head-norm", "token"));
});

describe("import", () => {
  test("prints what it took over", async () => {
    const out = join(folder, "json");
    const result = await json(importing(bare, "json", "--seq-len", "64"));
    expect(Object.keys(result)).toEqual(["parameters", "headNorm", "config", "bytes", "sha256"]);
    expect(result).toMatchObject({ parameters: 4836, headNorm: "window", config: { nHeads: 8, seqLen: 64 } });
    expect(result.sha256).toBe(sha256(join(out, "model.safetensors")));
    expect(readFileSync(join(out, "tokenizer.json"), "utf8")).toBe(readFileSync(tokenizer, "utf8"));
  });

  test("says what the head norm means", async () => {
    expect((await works(importing(bare, "said"))).stdout).toMatch(
      /every token sees the whole window.*\n.*--head-norm token/,
    );
    const { stdout } = await works(importing(bare, "said-token", "--head-norm", "token"));
    expect(stdout).toMatch(/per token: a causal model/);
  });

  test("as released gives a model that is scored and found out, and does not generate", async () => {
    expect(await json(["eval", released, "--data", inputs.heldOut])).toMatchObject({ causal: false });
    expect(await json(["audit", released])).toMatchObject({ causal: false });
    expect(await json(["info", released])).toMatchObject({ config: { headNorm: "window", nHeads: 8 } });
    expectRefusal(await thunderbolt(["generate", released, "--prompt", "Once"]), /headNorm "window"/);
  });

  test("as released is scored and trained on the text as it was", async () => {
    const evaluate = (model: string, ...more: string[]) => json(["eval", model, "--data", inputs.heldOut, ...more]);
    const [{ bytes, tokens }, plain] = [await evaluate(released, "--as-released"), await evaluate(released)];
    expect(bytes).toBe(plain.bytes);
    expect(tokens).not.toBe(plain.tokens);
    const [prepared, run] = [join(folder, "prepared"), join(folder, "trained")];
    await works(["prepare", inputs.text, "--as-released", "--tokenizer", tokenizer, "--out", prepared]);
    const small = ["--config", inputs.config, "--seq-len", "16", "--batch", "4", "--steps", "2"];
    const { valBitsPerByte } = await json(["train", prepared, "--val", inputs.heldOut, ...small, "--out", run]);
    expect(await evaluate(run, "--as-released")).toMatchObject({ bitsPerByte: valBitsPerByte });
  });

  test("with --head-norm token gives a model that is causal and generates", async () => {
    expect(await json(["audit", causal])).toMatchObject({ causal: true });
    expect(await json(["generate", causal, "--prompt", "Once", "--max-tokens", "5"])).toMatchObject({ tokens: 5 });
    expect(await json(["info", causal])).toMatchObject({ config: { nHeads: 3, seqLen: 32 } });
  });
});

describe("export", () => {
  test("and import again give the same file", async () => {
    const file = join(folder, "weights.safetensors");
    const { stdout } = await works(["export", causal, "-o", file]);
    expect(stdout).toMatch(/per token: the release's code/);
    await works(importing(file, "again"));
    expect(sha256(join(folder, "again", "model.safetensors"))).toBe(sha256(join(causal, "model.safetensors")));
    const result = await json(["export", released, "-o", file]);
    expect(result).toMatchObject({ parameters: 4836, headNorm: "window", sha256: sha256(file) });
  });

  test("of a packed model is refused, with the reason", async () => {
    const packed = join(folder, "packed.thunderbolt");
    await works(["pack", causal, "-o", packed]);
    const before = snapshot(folder);
    expectRefusal(
      await thunderbolt(["export", packed, "-o", join(folder, "no.safetensors")]),
      /packed\.thunderbolt is packed/,
    );
    expect(snapshot(folder)).toEqual(before);
  });
});

describe("import refuses in one line, with exit code 2, and writes nothing:", () => {
  const malicious = () => put(folder, "evil.pt", torchFile(["cposix\nsystem\n", text("touch owned"), 0x85, "R"]));
  const cases: readonly (readonly [what: string, args: () => string[], culprit: RegExp])[] = [
    ["no tokenizer", () => ["import", bare, "-o", join(folder, "out")], /--tokenizer/],
    ["no folder", () => ["import", bare, "--tokenizer", tokenizer], /--out/],
    ["a folder", () => importing(folder, "out"), /is a folder; expected a PyTorch checkpoint/],
    ["a text", () => importing(inputs.text, "out"), /text\.txt: neither/],
    ["a malicious pickle", () => importing(malicious(), "out"), /evil\.pt: .*posix\.system/],
    [
      "half a file",
      () => importing(put(folder, "cut.pt", readFileSync(bare).subarray(0, 9000)), "out"),
      /cut\.pt: .*truncated/,
    ],
    ["a folder with a model", () => importing(bare, "released"), /released holds a model .*model\.safetensors/],
    ["a file as the folder", () => importing(bare, "text.txt"), /text\.txt is a file/],
    ["heads that do not divide", () => importing(bare, "out", "--heads", "5"), /--heads is 5.* 16/],
    ["no heads", () => importing(bare, "out", "--heads", "0"), /--heads is 0/],
    ["no window", () => importing(bare, "out", "--seq-len", "0"), /--seq-len is 0/],
    [
      "the tokenizer of another model",
      () => ["import", bare, "-o", join(folder, "out"), "--tokenizer", join(folder, "run", "tokenizer.json")],
      /tokenizer\.json of 300 tokens, but .*bare\.pt are for 260/,
    ],
    [
      "a tokenizer that is none",
      () => ["import", bare, "-o", join(folder, "out"), "--tokenizer", inputs.config],
      /config\.json: tokenizer\.json: model\.type/,
    ],
  ];

  beforeAll(async () => {
    await works([...inputs.train, "--steps", "1", "--out", join(folder, "run")]);
  });

  test.each(cases)("%s", async (_, args, culprit) => {
    const line = args();
    const before = snapshot(folder);
    expectRefusal(await thunderbolt(line), culprit);
    expect(snapshot(folder)).toEqual(before);
  });
});
