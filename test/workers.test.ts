import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readSafetensors } from "../src/formats/safetensors.ts";
import { smallInputs, temporaryFolder } from "./cli/harness.ts";

const folder = temporaryFolder();
const { text, heldOut } = smallInputs(folder);
const program = fileURLToPath(new URL("kill-threads.mjs", import.meta.url));
const RUNS = 50;

interface Killed {
  readonly i: number;
  readonly out: string;
  readonly milliseconds: number;
  readonly code: string;
  readonly name: string;
  readonly message: string;
}

/** Runs from `from` on, and how the process that made them ended. */
function killThreads(from: number): Promise<{ runs: Killed[]; signal: NodeJS.Signals | null }> {
  const args = [program, text, heldOut, folder, String(from), String(RUNS)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"], timeout: 100_000 });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
  });
  return new Promise((resolve) => {
    child.on("close", (_, signal) => {
      resolve({ runs: stdout.split("\n").flatMap((line) => (line.endsWith("}") ? [JSON.parse(line)] : [])), signal });
    });
  });
}

/** The step that a run has saved, if any: its state can be read. */
function savedStep(out: string): number | undefined {
  const state = join(out, "state.safetensors");
  return existsSync(state) ? Number(readSafetensors(readFileSync(state)).metadata.step) : undefined;
}

test("a thread that dies ends the run with one error, soon, and leaves a whole state and no thread", async () => {
  const seen = new Set<number>();
  let crashes = 0;
  for (let next = 0; next < RUNS; ) {
    const { runs, signal } = await killThreads(next);
    for (const { i, out, milliseconds, code, name, message } of runs) {
      seen.add(i);
      expect(milliseconds).toBeLessThan(5000);
      expect({ code, name }).toEqual({ code: "WORKER_DIED", name: "WorkerError" });
      expect(message).toMatch(/^a worker thread failed in the middle of its work: [^\n]+$/);
      const step = savedStep(out);
      if (step === undefined) {
        expect(message).toContain("nothing was saved yet");
      } else {
        expect(step % 3).toBe(0);
        expect(message).toContain(`step ${step} is saved in ${out}, --resume`);
      }
    }
    next += runs.length;
    if (next === RUNS) break;
    // Node itself may crash when a thread is ended while it starts; what is saved is whole even then
    expect(signal, `run ${next} ended without a word`).not.toBeNull();
    expect(++crashes).toBeLessThan(4);
    savedStep(join(folder, `run-${next}`));
    seen.add(next);
    next++;
  }
  expect(seen.size).toBe(RUNS);
});
