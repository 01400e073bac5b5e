import { appendFileSync, existsSync, readFileSync, statSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
// the built package, as those who install it get it
import { InterruptedError, train } from "../../dist/index.js";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { json, metrics, sha256, smallInputs, temporaryFolder, thunderbolt, timeless, works } from "./harness.ts";

const folder = temporaryFolder();
const inputs = smallInputs(folder);
const STEPS = 60;
const straight = join(folder, "straight");
const to = (run: string, ...more: string[]) => [...inputs.train, "--out", run, ...more];
const small = { data: inputs.text, preset: "tiny", workers: 1, batch: 4 } as const;
const config = { dModel: 16, nHeads: 2, nLayers: 2, dFfn: 32, vocabSize: 300, seqLen: 16 };
let expected: Record<string, unknown>;

beforeAll(async () => {
  // long enough for the learning rate to rise, stay and fall, and for a second window of losses
  expected = await json(to(straight, "--steps", String(STEPS)));
});

/** Every bit of a state, and all its metadata but the seconds. */
function stateOf(run: string): unknown {
  const { metadata, tensors } = readSafetensors(readFileSync(join(run, "state.safetensors")));
  const { progress, ...rest } = metadata;
  return {
    ...rest,
    progress: timeless(JSON.parse(progress)),
    tensors: [...tensors].map(([name, { dtype, shape, bytes }]) => [
      name,
      dtype,
      shape,
      Buffer.from(bytes).toString("hex"),
    ]),
  };
}

/** A run that has ended is what it would have been in one piece: model, state, tokenizer, metrics, result. */
function expectAsStraight(run: string, result: Record<string, unknown>): void {
  expect(timeless(result)).toEqual(timeless(expected));
  for (const file of ["model.safetensors", "tokenizer.json"]) {
    expect(sha256(join(run, file)), file).toBe(sha256(join(straight, file)));
  }
  expect(stateOf(run)).toEqual(stateOf(straight));
  expect(metrics(run).map(timeless)).toEqual(metrics(straight).map(timeless));
  expect(readFileSync(join(run, "samples.jsonl"), "utf8")).toBe(readFileSync(join(straight, "samples.jsonl"), "utf8"));
}

/** Trains from the library until a step is done, or until the run knows how many there will be, and stops there. */
async function stopAfter(
  run: string,
  step: number | "the steps are fixed",
  more: { steps?: number; minutes?: number; saveEvery?: number } = {},
) {
  const controller = new AbortController();
  const length = more.minutes === undefined ? { steps: STEPS } : {};
  const stopped = train({
    ...small,
    config,
    out: run,
    ...length,
    ...more,
    signal: controller.signal,
    onProgress: (event) => {
      if (event.kind !== "step") return;
      if (step === event.step || (step === "the steps are fixed" && event.steps !== undefined)) controller.abort();
    },
  });
  await expect(stopped).rejects.toMatchObject({ code: "INTERRUPTED", name: "InterruptedError" });
  await expect(stopped).rejects.toBeInstanceOf(InterruptedError);
}

const long = join(folder, "long");
let longResult: Promise<Record<string, unknown>> | undefined;
/** The result of a run that takes long enough to be interrupted, from one that was not. */
function uninterrupted(): Promise<Record<string, unknown>> {
  longResult ??= json(to(long, "--steps", "1500"));
  return longResult;
}

describe("a run that was stopped and resumed is, bit for bit, the run in one piece", () => {
  test.each([1, 23, 41, STEPS])("stopped by its signal after step %i", async (step) => {
    const run = join(folder, `stopped-${step}`);
    await stopAfter(run, step);
    expect(readSafetensors(readFileSync(join(run, "state.safetensors"))).metadata.step).toBe(String(step));
    expectAsStraight(run, await json(to(run, "--resume")));
  });

  test("stopped twice, and resumed with the number of steps given again", async () => {
    const run = join(folder, "twice");
    await stopAfter(run, 11);
    const controller = new AbortController();
    const onProgress = ({ kind, ...event }: { kind: string; step?: number }) => {
      if (kind === "step" && event.step === 30) controller.abort();
    };
    const again = train({
      ...small,
      config,
      out: run,
      resume: true,
      workers: 2,
      onProgress,
      signal: controller.signal,
    });
    await expect(again).rejects.toMatchObject({ code: "INTERRUPTED", message: expect.stringContaining("step 30") });
    expectAsStraight(run, await json(to(run, "--resume", "--steps", String(STEPS))));
  });

  test("interrupted from the keyboard", async () => {
    // a run of a size that cannot end before the signal comes
    const run = join(folder, "interrupted");
    const args = to(run, "--steps", "1500", "--save-every", "1000000");
    const stopped = await thunderbolt([...args, "--json"], { interruptAt: /step 1\// });
    expect(stopped).toMatchObject({ code: 130, stdout: "" });
    expect(stopped.stderr).toMatch(/stopped after step \d+; the state is saved in .*interrupted, --resume/);
    const { step } = readSafetensors(readFileSync(join(run, "state.safetensors"))).metadata;
    expect(Number(step)).toBeGreaterThan(0);
    expect(Number(step)).toBeLessThan(1500);
    const result = await json([...args, "--resume"]);
    expect(timeless(result)).toEqual(timeless(await uninterrupted()));
    expect(stateOf(run)).toEqual(stateOf(long));
  });

  test("killed without warning", async () => {
    const run = join(folder, "killed");
    const args = to(run, "--steps", "1500", "--save-every", "7");
    const lines = () => (existsSync(join(run, "metrics.jsonl")) ? metrics(run).length : 0);
    // asked while the file grows, so that its last line may be incomplete
    const interruptWhen = () => {
      try {
        return lines() > 40;
      } catch {
        return false;
      }
    };
    const killed = await thunderbolt(args, { interruptWhen, signal: "SIGKILL" });
    expect(killed.signal).toBe("SIGKILL");
    const { step } = readSafetensors(readFileSync(join(run, "state.safetensors"))).metadata;
    expect(Number(step) % 7).toBe(0);
    expect(Number(step)).toBeLessThan(1500);
    const result = await json([...args, "--resume"]);
    expect(timeless(result)).toEqual(timeless(await uninterrupted()));
    expect(stateOf(run)).toEqual(stateOf(long));
    expect(metrics(run).map(timeless)).toEqual(metrics(long).map(timeless));
  });

  test("killed after a save, with steps behind it and a line cut short", async () => {
    const run = join(folder, "killed-later");
    await stopAfter(run, 37, { saveEvery: 20 });
    // as it is when the process dies after step 41: the state is that of step 37
    const lines = metrics(straight).slice(37, 41);
    const log = join(run, "metrics.jsonl");
    appendFileSync(log, `${lines.map((line) => JSON.stringify(line)).join("\n")}\n{"step":42,"tok`);
    expectAsStraight(run, await json(to(run, "--resume")));
  });
});

describe("resuming", () => {
  test("a run that has ended scores it again and changes nothing", async () => {
    const run = join(folder, "ended");
    await cp(straight, run, { recursive: true });
    expectAsStraight(run, await json(to(run, "--resume")));
  });

  test("with more steps goes on to them, and says what that means", async () => {
    const run = join(folder, "longer");
    await works(to(run, "--steps", "5"));
    const longer = await works(to(run, "--steps", "8", "--resume"));
    expect(longer.stderr).toContain("going on after step 5; the run was started for 5 steps");
    expect(longer.stderr).toContain("its learning rate follows 8");
    // the learning rate still rises in these steps, and depends on no end: as in one piece here too
    const whole = join(folder, "longer-whole");
    await works(to(whole, "--steps", "8"));
    expect(stateOf(run)).toEqual(stateOf(whole));
    expect(metrics(run).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, undefined]);
    expect((await works(["train", "--help"])).stdout.replace(/\s+/g, " ")).toContain("with --resume: another number");
  });

  test("a run of some minutes keeps its minutes, and the steps that were fixed", async () => {
    const early = join(folder, "minutes-early");
    await stopAfter(early, 1, { minutes: 0.02 });
    const { steps } = await json(to(early, "--resume"));
    expect(steps).toBeGreaterThan(1);

    const late = join(folder, "minutes-late");
    await stopAfter(late, "the steps are fixed", { minutes: 0.05 });
    const { progress } = readSafetensors(readFileSync(join(late, "state.safetensors"))).metadata;
    const fixed = JSON.parse(progress).steps;
    expect(fixed).toBeGreaterThan(1);
    expect(await json(to(late, "--resume", "--minutes", "0.05"))).toMatchObject({ steps: fixed });
  });
});

describe("before the first step", () => {
  test("a signal that has come already leaves nothing behind", async () => {
    const out = join(folder, "never");
    const stopped = train({ ...small, config, out, steps: 3, signal: AbortSignal.abort() });
    await expect(stopped).rejects.toMatchObject({ code: "INTERRUPTED", message: /before the first step/ });
    expect(existsSync(out)).toBe(false);
  });

  test("a signal that comes while the vocabulary is learnt leaves nothing behind", async () => {
    const out = join(folder, "never-either");
    const control = new AbortController();
    // nothing else is heard before the first pause of that
    setTimeout(() => control.abort());
    const stopped = train({ data: "data/tinystories.txt", out, workers: 1, steps: 3, signal: control.signal });
    await expect(stopped).rejects.toMatchObject({ code: "INTERRUPTED", message: /before the first step/ });
    expect(existsSync(out)).toBe(false);
  });
});

test("Ctrl-C while the run is scored ends it, with everything saved", async () => {
  const run = join(folder, "scoring");
  const last = join(run, "tokenizer.json");
  const outcome = await thunderbolt([...to(run, "--steps", "3"), "--val", "data/tinystories.txt"], {
    // the last file of a save, and a moment later
    interruptWhen: () => existsSync(last) && statSync(last).mtimeMs < Date.now() - 100,
  });
  expect(outcome).toMatchObject({ code: 130, stdout: "" });
  expect(outcome.stderr).toContain("stopped after step 3; the state is saved in");
  expect(readSafetensors(readFileSync(join(run, "state.safetensors"))).metadata.step).toBe("3");
});

test("train() tells how it goes", async () => {
  const kinds: string[] = [];
  const out = join(folder, "told");
  const result = await train({
    ...small,
    config,
    out,
    steps: 4,
    saveEvery: 2,
    onProgress: (event) => kinds.push(event.kind === "step" ? `step ${event.step}/${event.steps}` : event.kind),
  });
  const steps = ["step 1/4", "step 2/4", "saved", "step 3/4", "step 4/4", "saved"];
  expect(kinds.slice(0, 7)).toEqual(["corpus", ...steps]);
  expect(new Set(kinds.slice(7))).toEqual(new Set(["evaluating"]));
  expect(result.sha256).toBe(sha256(join(out, "model.safetensors")));
});
