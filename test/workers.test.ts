import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../src/formats/safetensors.ts";
import { smallInputs, temporaryFolder } from "./cli/harness.ts";
import { uniforms } from "./kernels/harness.ts";

const { train }: typeof import("../src/index.ts") = await import(
  // @ts-expect-error: there is nothing to check the types of before it is built
  "../dist/index.js"
);

const folder = temporaryFolder();
const { text, heldOut } = smallInputs(folder);
const config = { dModel: 16, nHeads: 2, nLayers: 2, dFfn: 32, vocabSize: 260, seqLen: 16 };
const SAVE_EVERY = 3;

/** Threads that run, whoever started them. */
const threads = new Set<Worker>();
const started = (thread: Worker) => {
  threads.add(thread);
  thread.once("exit", () => threads.delete(thread));
};
beforeAll(() => {
  process.on("worker", started);
});
afterAll(() => {
  process.off("worker", started);
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await wait(1);
}

describe("a thread that dies", () => {
  test("ends the run with one error, soon, and leaves a whole state and no thread, at 50 random moments", async () => {
    const uniform = uniforms(7);
    for (let i = 0; i < 50; i++) {
      const workers = 1 + (i % 3);
      const out = join(folder, `run-${i}`);
      const options = { data: text, val: heldOut, preset: "tiny", config, batch: 3, workers, out } as const;
      const run = train({ ...options, steps: 1_000_000, saveEvery: SAVE_EVERY });
      const ended = run.then(
        () => undefined,
        (error: unknown) => error,
      );
      await until(() => threads.size === workers);
      // some before they are ready, most in the middle of the work
      await wait(uniform() < 0.2 ? 0 : 150 * uniform());
      const killed = performance.now();
      await [...threads][Math.floor(uniform() * threads.size)].terminate();
      const error = await ended;
      expect(performance.now() - killed).toBeLessThan(5000);
      expect(error).toMatchObject({ code: "WORKER_DIED", name: "WorkerError" });
      const { message } = error as Error;
      expect(message).toMatch(/^a worker thread failed in the middle of its work: [^\n]+$/);
      await until(() => threads.size === 0);

      const state = join(out, "state.safetensors");
      if (!existsSync(state)) {
        expect(message).toContain("nothing was saved yet");
        continue;
      }
      const step = Number(readSafetensors(readFileSync(state)).metadata.step);
      expect(step % SAVE_EVERY).toBe(0);
      expect(message).toContain(`step ${step} is saved in ${out}, --resume`);
      if (i % 10 === 0) await expect(train({ ...options, resume: true, steps: step + 2 })).resolves.toBeDefined();
    }
  });
});
