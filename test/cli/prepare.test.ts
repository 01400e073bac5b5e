import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { splitStories } from "../../src/corpus/stories.ts";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { prepare } from "../../src/run/prepare.ts";
import type { PrepareOptions } from "../../src/run/prepare-options.ts";
import { json, put, sha256, smallInputs, snapshot, temporaryFolder, thunderbolt, works } from "./harness.ts";

const folder = temporaryFolder();
const inputs = smallInputs(folder);
const END = "\n<|endoftext|>\n";
// enough stories for train to hold out whole ones, as prepare does
const stories = splitStories(readFileSync(new URL("../../data/tinystories.txt", import.meta.url), "utf8"))
  .filter((story) => story.length < 700)
  .slice(0, 400);
const text = put(folder, "stories.txt", stories.map((story) => story + END).join(""));
const small = inputs.train.slice(2).filter((arg, i, args) => arg !== "--vocab" && args[i - 1] !== "--vocab");
const prepared = join(folder, "prepared");
const tokenizer = join(prepared, "tokenizer.json");
const out = (name: string) => join(folder, name);
const trainOn = (data: string, run: string, ...more: string[]) => ["train", data, ...small, "--out", run, ...more];
let result: Record<string, unknown>;

beforeAll(async () => {
  result = await json(["prepare", text, "--out", prepared, "--vocab", "300"]);
});

/** The hashes of all files of a folder. */
function hashes(path: string): Record<string, string> {
  return Object.fromEntries(readdirSync(path).map((name) => [name, sha256(join(path, name))]));
}

function tokensOf(path: string, side: "train" | "val"): Uint16Array {
  const bytes = readFileSync(join(path, `${side}-00000.tokens`));
  return new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

/** Prepares with the tokenizer that is there, which takes no time. */
async function prepareTo(name: string, texts: string[], more: Partial<PrepareOptions> = {}): Promise<string> {
  await prepare({ texts, out: out(name), tokenizer, ...more });
  return out(name);
}

describe("prepare", () => {
  test("prints its result, and leaves the folder that it promises", () => {
    expect(Object.keys(result)).toEqual(["stories", "bytes", "trainTokens", "valTokens", "vocab"]);
    expect(result).toMatchObject({ stories: 400, vocab: 300 });
    expect(result.bytes).toBe(Buffer.byteLength(stories.join("")));
    expect(readdirSync(prepared).sort()).toEqual([
      "index.json",
      "tokenizer.json",
      "train-00000.tokens",
      "val-00000.tokens",
    ]);
    const train = tokensOf(prepared, "train");
    expect(train.length).toBe(result.trainTokens);
    expect(train.at(-1)).toBe(3);
    const ends = [...train, ...tokensOf(prepared, "val")].filter((id) => id === 3);
    expect(ends).toHaveLength(400);
  });

  test("gives the tokens, windows and vocabulary that train makes of the same text: the same model", async () => {
    const [plain, folderRun] = [out("plain"), out("folder-run")];
    const a = await json(trainOn(text, plain, "--vocab", "300", "--steps", "4"));
    const b = await json(trainOn(prepared, folderRun, "--steps", "4"));
    expect(b.sha256).toBe(a.sha256);
    expect(b).toMatchObject({ valBitsPerByte: a.valBitsPerByte, trainLoss: a.trainLoss });
    expect(sha256(join(folderRun, "tokenizer.json"))).toBe(sha256(tokenizer));
    expect(sha256(join(plain, "tokenizer.json"))).toBe(sha256(tokenizer));
  });

  test("takes folders, patterns, packed files and JSON lines for the same text", async () => {
    const texts = out("texts");
    const part = (from: number, to: number) => stories.slice(from, to);
    const plain = (some: string[]) => some.map((story) => story + END).join("");
    const records = (some: string[], field: string) => some.map((s) => JSON.stringify({ [field]: s })).join("\n");
    put(texts, "a.txt", plain(part(0, 100)));
    put(join(texts, "b"), "x.txt.gz", gzipSync(plain(part(100, 200))));
    put(join(texts, "b"), "y.jsonl", records(part(200, 300), "text"));
    put(texts, "c.json.gz", gzipSync(records(part(300, 400), "text")));
    put(texts, "notes.md", "not this");
    const expected = hashes(prepared);
    expect(hashes(await prepareTo("from-folder", [texts]))).toEqual(expected);
    const patterns = [join(texts, "a.*"), join(texts, "*", "*"), join(texts, "c.json.gz"), join(texts, "b")];
    expect(hashes(await prepareTo("from-patterns", patterns))).toEqual(expected);
    const story = put(out("records"), "d.jsonl", records(stories, "story"));
    expect(hashes(await prepareTo("from-field", [story], { field: "story" }))).toEqual(expected);
    const rule = stories.join("\n###\n");
    expect(hashes(await prepareTo("from-line", [put(out("rule"), "r.txt", rule)], { separator: "###" }))).toEqual(
      expected,
    );
    // what is in the folder to write to is no text, though it is within the texts and has such names
    const inside = join("texts", "inside");
    await prepareTo(inside, [texts]);
    expect(hashes(await prepareTo(inside, [texts], { overwrite: true }))).toEqual(expected);
  });

  test("learns the same vocabulary and holds out the same stories whatever their order", async () => {
    const reversed = put(folder, "reversed.txt", stories.toReversed().join(END));
    const other = out("reversed");
    expect(await json(["prepare", reversed, "--out", other, "--vocab", "300"])).toEqual(result);
    expect(sha256(join(other, "tokenizer.json"))).toBe(sha256(tokenizer));
    expect([...tokensOf(other, "val")].sort()).toEqual([...tokensOf(prepared, "val")].sort());
    // and from a sample that is smaller than the text
    const sampled = ["--sample", "20000", "--vocab", "300"];
    await json(["prepare", reversed, "--out", out("sample-a"), ...sampled]);
    await json(["prepare", text, "--out", out("sample-b"), ...sampled]);
    const of = (name: string) => sha256(join(out(name), "tokenizer.json"));
    expect(of("sample-a")).toBe(of("sample-b"));
    expect(of("sample-a")).not.toBe(sha256(tokenizer));
  });

  test("replaces what is there only when asked to, and then whole", async () => {
    const path = out("replaced");
    await prepareTo("replaced", [text], { valShare: 0.5 });
    const before = snapshot(path);
    const again = ["prepare", text, "--out", path, "--tokenizer", tokenizer];
    expect(await thunderbolt(again)).toMatchObject({ code: 2, stderr: expect.stringMatching(/--overwrite/) });
    expect(snapshot(path)).toEqual(before);
    await works([...again, "--overwrite"]);
    expect(hashes(path)).toEqual(hashes(prepared));
    await works([...again, "--overwrite", "--val-share", "0"]);
    expect(readdirSync(path)).not.toContain("val-00000.tokens");
  });

  test("verifies", async () => {
    expect(await json(["prepare", "--verify", prepared])).toEqual(result);
    const { stdout, stderr } = await works(["prepare", "--verify", prepared]);
    expect(stdout).toMatch(/prepared is as it was prepared: 400 stories/);
    expect(stderr).toMatch(/verifying \d+ of \d+ MB .*MB\/s/);
  });

  test("stopped by Ctrl-C leaves everything as it was", async () => {
    const large = put(folder, "large.txt", readFileSync(text, "utf8").repeat(300));
    const path = out("stopped");
    const args = ["prepare", large, "--out", path, "--tokenizer", tokenizer, "--workers", "2"];
    const begun = () => existsSync(join(path, "train-00000.tokens.tmp"));
    const outcome = await thunderbolt(args, { interruptWhen: begun });
    expect(outcome).toMatchObject({ code: 130, stdout: "" });
    expect(outcome.stderr).toMatch(/thunderbolt: stopped; .*stopped is as it was before\n$/);
    expect(existsSync(path)).toBe(false);
  });

  test("stopped by Ctrl-C while it learns a vocabulary leaves nothing", async () => {
    const path = out("stopped-learning");
    const args = ["prepare", "data/tinystories.txt", "--out", path];
    const outcome = await thunderbolt(args, { interruptAt: /learning a vocabulary/ });
    expect(outcome).toMatchObject({ code: 130, stderr: expect.stringMatching(/is as it was before\n$/) });
    expect(existsSync(path)).toBe(false);
  });

  test("killed leaves nothing that looks finished", async () => {
    const path = out("killed");
    const args = ["prepare", out("large.txt"), "--out", path, "--tokenizer", tokenizer];
    const begun = () => existsSync(join(path, "train-00000.tokens.tmp"));
    expect(await thunderbolt(args, { interruptWhen: begun, signal: "SIGKILL" })).toMatchObject({ signal: "SIGKILL" });
    expect(readdirSync(path)).not.toContain("index.json");
    const train = await thunderbolt(trainOn(path, out("never"), "--steps", "1"));
    expect(train).toMatchObject({ code: 2, stderr: expect.stringMatching(/killed is a folder without index\.json/) });
    const again = ["prepare", text, "--out", path, "--tokenizer", tokenizer];
    expect((await thunderbolt(again)).stderr).toMatch(/killed holds .*unfinished.*--overwrite/);
    await works([...again, "--overwrite"]);
    expect(hashes(path)).toEqual(hashes(prepared));
  });
});

describe("train on a prepared folder", () => {
  test("goes on bit for bit after a stop", async () => {
    const [whole, stopped] = [out("whole"), out("stopped-run")];
    const straight = await json(trainOn(prepared, whole, "--steps", "400", "--save-every", "1000"));
    const interrupted = await thunderbolt(trainOn(prepared, stopped, "--steps", "400", "--save-every", "1000"), {
      interruptAt: /step 1\//,
    });
    expect(interrupted.code, interrupted.stderr).toBe(130);
    const { step } = readSafetensors(readFileSync(join(stopped, "state.safetensors"))).metadata;
    expect(Number(step)).toBeLessThan(400);
    expect((await json(trainOn(prepared, stopped, "--resume"))).sha256).toBe(straight.sha256);
  });

  test("is not resumed with another text, tokenizer or configuration, and says which", async () => {
    const run = out("identity");
    await works(trainOn(prepared, run, "--steps", "1"));
    const other = await prepareTo("other-text", [put(folder, "fewer.txt", stories.slice(9).join(END))]);
    const longer = out("other-tokenizer");
    await json(["prepare", text, "--out", longer, "--vocab", "300", "--sample", "9000"]);
    const larger = out("larger-vocabulary");
    await json(["prepare", text, "--out", larger, "--vocab", "310"]);
    const resume = async (data: string, ...more: string[]) =>
      (await thunderbolt(trainOn(data, run, "--resume", ...more))).stderr;
    expect(await resume(other)).toMatch(/identity cannot be resumed: its sha256 of the text was/);
    expect(await resume(longer)).toMatch(/identity cannot be resumed: its tokenizer was/);
    expect(await resume(larger)).toMatch(/identity cannot be resumed: its vocabSize was 300 and is now 310/);
    expect(await resume(prepared, "--seq-len", "24")).toMatch(/its seqLen was 16 and is now 24/);
    await works(trainOn(prepared, run, "--resume"));
  });

  test("scores with another text where one is given", async () => {
    const bare = await prepareTo("bare", [text], { valShare: 0 });
    const refused = await thunderbolt(trainOn(bare, out("bare-run"), "--steps", "1"));
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/bare: no text is left .*--val/) });
    const { valBitsPerByte } = await json(
      trainOn(bare, out("bare-run"), "--steps", "1", "--val", inputs.heldOut, "--vocab", "300"),
    );
    const { bitsPerByte } = await json(["eval", out("bare-run"), "--data", inputs.heldOut]);
    expect(valBitsPerByte).toBe(bitsPerByte);
  });
});

test("prepare refuses in one line, with exit code 2, and writes nothing", async () => {
  const bad = out("bad");
  mkdirSync(bad);
  const packed = gzipSync(stories.join(END));
  const [latin1, cut, damaged, record, broken] = [
    put(bad, "latin1.txt", Buffer.concat([Buffer.from("Once é".repeat(9)), Buffer.from([0xe9, 0x20])])),
    put(bad, "cut.txt.gz", packed.subarray(0, -20)),
    put(bad, "damaged.txt.gz", Buffer.from("this is not packed")),
    put(bad, "record.jsonl", '{"text": "one"}\n{"txt": "two"}\n'),
    put(bad, "latin1.txt.gz", gzipSync(Buffer.from([0x41, 0x0a, 0xe9, 0x20]))),
  ];
  const empty = put(bad, "empty.txt", " \n<|endoftext|>\n");
  mkdirSync(join(bad, "no-texts"));
  await cp(prepared, join(bad, "changed"), { recursive: true });
  writeFileSync(join(bad, "changed", "val-00000.tokens"), readFileSync(join(prepared, "val-00000.tokens")).reverse());
  await cp(prepared, join(bad, "short"), { recursive: true });
  writeFileSync(join(bad, "short", "train-00000.tokens"), "short");
  const to = (data: string, ...more: string[]) => ["prepare", data, "--out", out("none"), ...more];
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [["prepare", "--out", out("none")], /no text is given/],
    [to(join(bad, "*.md")), /\*\.md matches no file/],
    [to(join(bad, "no-texts")), /no-texts is a folder without any \.txt/],
    [to(latin1), /latin1\.txt: byte 63 \(0xe9\) is not UTF-8/],
    [to(broken), /latin1\.txt\.gz \(unpacked\): byte 2 \(0xe9\)/],
    [to(cut), /cut\.txt\.gz is no whole gzip file/],
    [to(damaged, "--tokenizer", tokenizer), /damaged\.txt\.gz is no whole gzip file/],
    [to(record), /record\.jsonl: line 2 \(byte 16\) .*"text".*--field/],
    [to(empty), /empty\.txt: there are no stories/],
    [to(empty, "--tokenizer", tokenizer), /empty\.txt: there are no stories/],
    [to(text, "--tokenizer", empty), /empty\.txt: tokenizer\.json is not JSON/],
    [to(text, "--tokenizer", tokenizer, "--vocab", "300"), /give one of them/],
    [to(text, "--vocab", "100"), /--vocab is 100; .*260/],
    [to(text, "--val-share", "1"), /--val-share is 1; /],
    [to(text, "--sample", "0"), /--sample is 0; /],
    [to(text, "--seed", "-1"), /--seed is -1; /],
    [to(text, "--workers", "0"), /--workers is 0; /],
    [to(text, "--as-released"), /--as-released is true without a tokenizer; /],
    [to(text, "--separator", ""), /--separator is ""; /],
    [["prepare", text, "--out", prepared], /prepared holds a prepared text already \(index\.json\).*--overwrite/],
    [["prepare", text, "--out", bad, "--overwrite"], /bad holds other files/],
    [["prepare", text, "--out", text], /stories\.txt is a file/],
    [["prepare", "--verify", bad], /bad is a folder without index\.json/],
    [["prepare", "--verify", prepared, text], /neither texts/],
    [["prepare", "--verify", join(bad, "changed")], /val-00000\.tokens: .*(SHA-256|vocabulary)/],
    [trainOn(join(bad, "changed"), out("none"), "--steps", "1"), /val-00000\.tokens: /],
    [trainOn(join(bad, "short"), out("none"), "--steps", "1"), /train-00000\.tokens: its length in bytes is 5/],
    [trainOn(prepared, out("none"), "--vocab", "400"), /--vocab is 400, but .*prepared with 300/],
  ];
  const before = snapshot(folder);
  for (let i = 0; i < cases.length; i += 3) {
    const some = cases.slice(i, i + 3);
    const outcomes = await Promise.all(some.map(([args]) => thunderbolt(args)));
    for (const [j, { code, stdout, stderr }] of outcomes.entries()) {
      const lines = stderr.trimEnd().split("\n");
      expect(lines.at(-1)).toMatch(some[j]?.[1] ?? "");
      // how it goes, where it went some way, comes before
      expect(lines.slice(0, -1).join("\n")).not.toMatch(/thunderbolt:|error/);
      expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: "" });
    }
  }
  expect(snapshot(folder)).toEqual(before);
});
