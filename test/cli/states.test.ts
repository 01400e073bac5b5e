import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, truncateSync, watch } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import {
  expectRefusal,
  json,
  metrics,
  put,
  sha256,
  smallInputs,
  temporaryFolder,
  thunderbolt,
  timeless,
  works,
} from "./harness.ts";

const folder = temporaryFolder();
const inputs = smallInputs(folder);
const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const STEPS = "400";
const settings = ["--val", inputs.heldOut, "--save-every", "7", "--eval-every", "50", "--steps", STEPS];
const to = (run: string, ...more: string[]) => [...inputs.train, ...settings, "--out", run, ...more];
const straight = join(folder, "straight");
let expected: Record<string, unknown>;

beforeAll(async () => {
  expected = await json(to(straight));
});

/** Every bit of a run that has ended is that of the run in one piece; nothing half written lies beside it. */
function expectAsStraight(run: string, result: Record<string, unknown>): void {
  expect(timeless(result)).toEqual(timeless(expected));
  for (const file of ["model.safetensors", "best.safetensors", "tokenizer.json"]) {
    expect(sha256(join(run, file)), file).toBe(sha256(join(straight, file)));
  }
  expect(tensorsOf(run)).toBe(tensorsOf(straight));
  expect(metrics(run).map(timeless)).toEqual(metrics(straight).map(timeless));
  expect(readFileSync(join(run, "samples.jsonl"), "utf8")).toBe(readFileSync(join(straight, "samples.jsonl"), "utf8"));
  expect(readdirSync(run).filter((name) => name.endsWith(".tmp"))).toEqual([]);
}

/** A state's data; its header also says how long the run took. */
function tensorsOf(run: string): string {
  const bytes = readFileSync(join(run, "state.safetensors"));
  return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0))).toString("latin1");
}

const stepOf = (file: string) => Number(readSafetensors(readFileSync(file)).metadata.step);

describe("scores on the way", () => {
  test("are in the metrics, and the best of them is kept as a model", async () => {
    const scores = metrics(straight).filter((line) => "valBitsPerByte" in line && !("sha256" in line));
    expect(scores.map(({ step }) => step)).toEqual([50, 100, 150, 200, 250, 300, 350]);
    const { best, valBitsPerByte } = expected as { best: Record<string, number>; valBitsPerByte: number };
    const all = [...scores, { step: 400, valBitsPerByte }] as { step: number; valBitsPerByte: number }[];
    const lowest = all.reduce((a, b) => (b.valBitsPerByte < a.valBitsPerByte ? b : a));
    expect(best).toEqual({ step: lowest.step, valBitsPerByte: lowest.valBitsPerByte });
    const file = join(straight, "best.safetensors");
    expect(stepOf(file)).toBe(best.step);
    expect(await json(["eval", file, "--data", inputs.heldOut])).toMatchObject({ bitsPerByte: best.valBitsPerByte });
  });

  test("choose the model, not the weights: without them the run is the same", async () => {
    const run = join(folder, "unscored");
    const { sha256: hash, best } = await json([
      ...inputs.train,
      "--val",
      inputs.heldOut,
      "--steps",
      STEPS,
      "--out",
      run,
    ]);
    expect(hash).toBe(expected.sha256);
    expect(best).toBeUndefined();
    expect(existsSync(join(run, "best.safetensors"))).toBe(false);
  });

  test("are not compared with those on another text", async () => {
    const other = put(folder, "other.txt", `${readFileSync(inputs.heldOut, "utf8")} And they went home.`);
    const again = [...inputs.train, "--steps", STEPS, "--out", straight, "--resume", "--val", other];
    expectRefusal(await thunderbolt(again), /its sha256 of the held-out text was [0-9a-f]{64} and is now/);
    const prepared = join(folder, "prepared");
    await works(["prepare", inputs.text, "--out", prepared, "--vocab", "300", "--val-share", "0.1"]);
    const run = join(folder, "from-prepared");
    const train = ["train", prepared, "--config", inputs.config, "--seq-len", "16", "--steps", "3", "--workers", "1"];
    await works([...train, "--out", run]);
    expectRefusal(await thunderbolt([...train, "--out", run, "--resume", "--val", other]), "of the held-out text");
  });
});

describe("states", () => {
  test("are kept, as many as asked for", async () => {
    const kept = (run: string) => readdirSync(run).filter((name) => name.startsWith("state"));
    expect(kept(straight).sort()).toEqual(["state-399.safetensors", "state.safetensors"]);
    const run = join(folder, "kept");
    await works([...inputs.train, "--steps", "20", "--save-every", "4", "--keep", "3", "--out", run]);
    expect(kept(run).sort()).toEqual(["state-12.safetensors", "state-16.safetensors", "state.safetensors"]);
    for (const name of kept(run)) expect(stepOf(join(run, name))).toBe(Number(/\d+/.exec(name)?.[0] ?? 20));
    await works([...inputs.train, "--steps", "20", "--save-every", "4", "--keep", "1", "--out", run, "--overwrite"]);
    expect(kept(run)).toEqual(["state.safetensors"]);
  });

  test("before the last one serve where that is damaged, or was about to be replaced", async () => {
    const run = join(folder, "damaged");
    const stopped = await thunderbolt(to(run), { interruptWhen: () => existsSync(join(run, "state-7.safetensors")) });
    expect(stopped.code).toBe(130);
    const [, earlier] = /state-(\d+)/.exec(readdirSync(run).join()) ?? [];
    truncateSync(join(run, "state.safetensors"), 1000);
    const resumed = await works([...to(run), "--resume"]);
    expect(resumed.stderr).toContain(`; going on from state-${earlier}.safetensors instead\n`);
    expect(resumed.stderr).toContain(`going on after step ${earlier}\n`);
    expectAsStraight(run, await json(to(run, "--resume")));
  });
});

/** Runs the command and kills it; gives whether it had ended before. */
async function killed(args: readonly string[], run: string, insideSave: boolean, delay: number): Promise<boolean> {
  const child = spawn(process.execPath, [cli, ...args, "--json"], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise<boolean>((resolve) => child.on("close", (code) => resolve(code === 0)));
  // its first words come when the work begins
  await new Promise((resolve) => child.stderr.once("data", resolve));
  child.stderr.resume();
  await wait(delay);
  if (!insideSave || !existsSync(run)) child.kill("SIGKILL");
  else {
    const watcher = watch(run, (_, name) => name?.endsWith(".tmp") && child.kill("SIGKILL"));
    await ended;
    watcher.close();
  }
  return ended;
}

test("a run killed at 30 random moments, half of them inside a save, ends as the run in one piece", async () => {
  let [run, runs, halfWritten] = ["", 0, 0];
  for (let kill = 0; kill < 30; kill++) {
    if (run === "") run = join(folder, `killed-${runs++}`);
    const resume = existsSync(join(run, "state.safetensors")) ? "--resume" : "--overwrite";
    if (await killed(to(run, resume), run, kill % 2 === 1, 300 * Math.random())) {
      expectAsStraight(run, await json(to(run, "--resume")));
      run = "";
    } else if (existsSync(run) && readdirSync(run).some((name) => name.endsWith(".tmp"))) halfWritten++;
  }
  if (run !== "") expectAsStraight(run, await json(to(run, "--resume")));
  expect(halfWritten).toBeGreaterThan(3);
});

test("a full disk ends the run with one error; with room again it goes on, and ends as the run in one piece", async (context) => {
  const program = fileURLToPath(new URL("../full-disk.mjs", import.meta.url));
  const disk = mkdtempSync(join(folder, "disk-"));
  const done = join(folder, "from-full-disk");
  const child = spawn("unshare", [
    "--mount",
    "--map-root-user",
    process.execPath,
    program,
    disk,
    done,
    cli,
    ...to("@"),
  ]);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const code = await new Promise((resolve) => child.on("error", () => resolve("no unshare")).on("close", resolve));
  if (code === 77 || code === "no unshare") return context.skip(`a small disk cannot be mounted here: ${output}`);
  expect(code, output).toBe(0);
  const { failures, result } = JSON.parse(output.trimEnd().split("\n").at(-1) ?? "");
  expect(failures.length).toBeGreaterThan(1);
  for (const { code: status, stderr } of failures) {
    expect(status).toBe(1);
    const last = stderr.trimEnd().split("\n").at(-1);
    expect(last).toMatch(/^thunderbolt: .*\/run\/\w+\.\w+ could not be written: there is no space left on the disk; /);
    expect(last).toMatch(/; (nothing was saved yet|step \d+ is saved in .*\/run, --resume goes on from it)$/);
  }
  expectAsStraight(done, result);
});
