import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { json, put, sha256, snapshot, temporaryFolder, thunderbolt } from "./harness.ts";

const folder = temporaryFolder();
const stories = readFileSync(new URL("../../data/tinystories.txt", import.meta.url), "utf8");
// batches of a megabyte: several for each thread
const text = put(folder, "text.txt", stories.repeat(2));
const out = (name: string) => join(folder, name);
const tokenizer = join(out("alone"), "tokenizer.json");
const files = ["index.json", "train-00000.tokens", "val-00000.tokens"];

beforeAll(async () => {
  await json(["prepare", text, "--out", out("alone"), "--vocab", "600", "--val-share", "0.3", "--workers", "1"]);
});

test.each([2, 5])("%i threads write the bytes of one", async (workers) => {
  const path = out(`threads-${workers}`);
  const options = ["--tokenizer", tokenizer, "--val-share", "0.3", "--workers", String(workers)];
  await json(["prepare", text, "--out", path, ...options]);
  for (const file of files) expect(sha256(join(path, file)), file).toBe(sha256(join(out("alone"), file)));
});

test("a thread that dies ends the work with one line, and leaves everything as it was", async () => {
  const large = put(folder, "large.txt", stories.repeat(20));
  const before = snapshot(folder);
  const begun = JSON.stringify(join(out("alone"), "train-00000.tokens.tmp"));
  const kill = `import { existsSync } from "node:fs";
    process.once("worker", (thread) => {
      const timer = setInterval(() => {
        if (!existsSync(${begun})) return;
        clearInterval(timer);
        thread.terminate();
      }, 1);
    });`;
  const outcome = await thunderbolt(
    [
      "prepare",
      large,
      "--out",
      out("alone"),
      "--overwrite",
      "--tokenizer",
      join(out("threads-2"), "tokenizer.json"),
      "--workers",
      "2",
    ],
    { env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(kill)}` } },
  );
  expect(outcome).toMatchObject({ code: 1, stdout: "" });
  expect(outcome.stderr.trimEnd().split("\n").at(-1)).toMatch(
    /^thunderbolt: a worker thread failed in the middle of its work: [^\n]+; .*alone is as it was before$/,
  );
  expect(snapshot(folder)).toEqual(before);
});
