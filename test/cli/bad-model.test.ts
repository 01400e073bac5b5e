import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { expectRefusal, json, put, smallInputs, snapshot, temporaryFolder, thunderbolt, works } from "./harness.ts";

const folder = temporaryFolder();
const inputs = smallInputs(folder);
const run = join(folder, "run");
const windowed = join(folder, "windowed");
const models = join(folder, "models");

/** The commands that open a model. */
const commands: readonly ((path: string) => string[])[] = [
  (path) => ["eval", path, "--data", inputs.heldOut],
  (path) => ["generate", path, "--prompt", "Once"],
  (path) => ["audit", path],
  (path) => ["info", path],
];

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** A model file taken apart, to be put together wrong. */
interface Parts {
  metadata: Record<string, string>;
  tensors: Record<string, Entry>;
  data: Uint8Array;
}

beforeAll(async () => {
  mkdirSync(models);
  const config = put(folder, "window.json", '{"dModel":16,"nHeads":2,"nLayers":2,"dFfn":32,"headNorm":"window"}');
  await works([...inputs.train, "--steps", "2", "--out", run]);
  await works([...inputs.train, "--config", config, "--steps", "2", "--out", windowed]);
});

function takeApart(): Parts {
  const file = readFileSync(join(run, "model.safetensors"));
  const length = Number(file.readBigUInt64LE(0));
  const { __metadata__: metadata, ...tensors } = JSON.parse(file.toString("utf8", 8, 8 + length));
  return { metadata, tensors, data: Uint8Array.from(file.subarray(8 + length)) };
}

function putTogether({ metadata, tensors, data }: Parts): Buffer {
  const header = Buffer.from(JSON.stringify({ __metadata__: metadata, ...tensors }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, data]);
}

/** The name and entry of the tensor that lies at a place in the order of the data, from the end where negative. */
function tensorAt(parts: Parts, place: number): readonly [string, Entry] {
  const sorted = Object.entries(parts.tensors).sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
  const found = sorted.at(place);
  if (!found) throw new Error(`no tensor ${place}`);
  return found;
}

/** Damages a model and gives the path of the result. */
function damaged(name: string, damage: (parts: Parts) => void): string {
  const parts = takeApart();
  damage(parts);
  return put(models, `${name}.safetensors`, putTogether(parts));
}

describe("eval, generate, audit and info refuse in one line, with exit code 2:", () => {
  const intact = () => readFileSync(join(run, "model.safetensors"));
  const cases: readonly (readonly [what: string, make: () => string, culprit: RegExp])[] = [
    ["a missing path", () => join(models, "nowhere"), /nowhere does not exist/],
    ["an empty folder", () => join(put(join(folder, "empty"), "x.txt", ""), ".."), /empty holds no model\.safetensors/],
    ["an empty file", () => put(models, "empty.safetensors", ""), /empty\.safetensors: .*0 bytes/],
    ["a text", () => inputs.text, /text\.txt: .*header/],
    [
      "a truncated file",
      () => put(models, "cut.safetensors", intact().subarray(0, -100)),
      /cut\.safetensors: .*truncated/,
    ],
    [
      "a truncated header",
      () => put(models, "head.safetensors", intact().subarray(0, 99)),
      /head\.safetensors: .*header of \d+ bytes is longer than its file of 99/,
    ],
    [
      "a header that is too long",
      () => put(models, "long.safetensors", Buffer.concat([Buffer.alloc(7, 0xff), Buffer.alloc(50)])),
      /long\.safetensors: .*header of 72057594037927935 bytes/,
    ],
    [
      "offsets that overlap",
      () =>
        damaged("overlap", (parts) => {
          const [, entry] = tensorAt(parts, 1);
          entry.data_offsets = [entry.data_offsets[0] - 4, entry.data_offsets[1] - 4];
        }),
      /overlap\.safetensors: .*overlap/,
    ],
    [
      "offsets with a hole",
      () =>
        damaged("hole", (parts) => {
          const [, { data_offsets: offsets }] = tensorAt(parts, -1);
          offsets[0] += 4;
          offsets[1] += 4;
          parts.data = Buffer.concat([parts.data, Buffer.alloc(4)]);
        }),
      /hole\.safetensors: .*hole/,
    ],
    [
      "integers",
      () =>
        damaged("integers", (parts) => {
          parts.tensors["embed.weight"].dtype = "I32";
        }),
      /integers\.safetensors: .*embed\.weight.* I32/,
    ],
    [
      "an unknown type of number",
      () =>
        damaged("float8", (parts) => {
          parts.tensors["embed.weight"].dtype = "F8_E4M3";
        }),
      /float8\.safetensors: .*embed\.weight.*F8_E4M3/,
    ],
    [
      "another shape",
      () =>
        damaged("shape", (parts) => {
          parts.tensors["embed.weight"].shape.reverse();
        }),
      /shape\.safetensors: .*embed\.weight has shape \[16,300\].*\[300,16\]/,
    ],
    [
      "a tensor too few",
      () =>
        damaged("few", (parts) => {
          const [name, entry] = tensorAt(parts, -1);
          delete parts.tensors[name];
          parts.data = parts.data.subarray(0, entry.data_offsets[0]);
        }),
      /few\.safetensors: .*ln_out\.bias is missing/,
    ],
    [
      "a tensor too many",
      () =>
        damaged("many", (parts) => {
          const end = parts.data.length;
          parts.tensors["blocks.9.mix1"] = { dtype: "F32", shape: [1], data_offsets: [end, end + 4] };
          parts.data = Buffer.concat([parts.data, Buffer.alloc(4)]);
        }),
      /many\.safetensors: .*blocks\.9\.mix1/,
    ],
    [
      "NaN in a tensor",
      () =>
        damaged("nan", (parts) => {
          const at = parts.tensors["blocks.1.ffn_up.weight"].data_offsets[0] + 8;
          new DataView(parts.data.buffer, parts.data.byteOffset).setFloat32(at, Number.NaN, true);
        }),
      /nan\.safetensors: .*blocks\.1\.ffn_up\.weight holds NaN at 2/,
    ],
    [
      "a configuration that is not JSON",
      () =>
        damaged("config", (parts) => {
          parts.metadata.config = "{dModel";
        }),
      /config\.safetensors: .*configuration/,
    ],
    [
      "a configuration with NaN",
      () =>
        damaged("config-nan", (parts) => {
          parts.metadata.config = parts.metadata.config.replace('"dModel":16', '"dModel":NaN');
        }),
      /config-nan\.safetensors: .*configuration/,
    ],
    [
      "a configuration too large for any memory",
      () =>
        damaged("config-large", (parts) => {
          parts.metadata.config = parts.metadata.config.replace('"seqLen":16', '"seqLen":1000000');
        }),
      /config-large\.safetensors: .*seqLen is 1000000/,
    ],
    [
      "a tokenizer of another size",
      () =>
        damaged("tokenizer", (parts) => {
          const tokenizer = JSON.parse(parts.metadata.tokenizer);
          const last = Object.keys(tokenizer.model.vocab).at(-1) ?? "";
          delete tokenizer.model.vocab[last];
          tokenizer.model.merges.pop();
          parts.metadata.tokenizer = JSON.stringify(tokenizer);
        }),
      /tokenizer\.safetensors: .*299 tokens.*300/,
    ],
    [
      "a tokenizer that is none",
      () =>
        damaged("no-tokenizer", (parts) => {
          parts.metadata.tokenizer = "{}";
        }),
      /no-tokenizer\.safetensors: .*tokenizer/,
    ],
    [
      "safetensors of another program",
      () =>
        damaged("foreign", (parts) => {
          parts.metadata = { format: "pt" };
        }),
      /foreign\.safetensors: no thunderbolt-lm model/,
    ],
  ];

  test.each(cases)("%s", async (_, make, culprit) => {
    const path = make();
    const before = snapshot(folder);
    const outcomes = await Promise.all(commands.map((command) => thunderbolt(command(path))));
    for (const outcome of outcomes) expectRefusal(outcome, culprit);
    expect(snapshot(folder)).toEqual(before);
  });
});

describe("a model that sees the future", () => {
  test("neither generates nor streams", async () => {
    expectRefusal(await thunderbolt(["generate", windowed, "--prompt", "Once"]), /headNorm "window"/);
    const stream = ["eval", windowed, "--data", inputs.heldOut, "--mode", "stream"];
    expectRefusal(await thunderbolt(stream), /headNorm "window".*--mode window/);
  });

  test("is scored by windows, and the score says what it is", async () => {
    const score = await json(["eval", windowed, "--data", inputs.heldOut, "--mode", "window"]);
    expect(score).toMatchObject({ causal: false, bitsPerByte: expect.any(Number) });
    expect((await works(["eval", windowed, "--data", inputs.heldOut])).stdout).toContain("NOT CAUSAL");
  });

  test("is found out by the audit", async () => {
    const audit = await json(["audit", windowed]);
    expect(audit).toMatchObject({ causal: false, where: { position: expect.any(Number) } });
    expect(audit.largestLeak).toBeGreaterThan(0);
    expect((await works(["audit", windowed])).stdout).toContain("NOT CAUSAL");
  });
});
