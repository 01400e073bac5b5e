// Trains again and again, kills a thread at a random moment of each run, and prints what came of it, a line a run:
//   node test/kill-threads.mjs TEXT HELD_OUT FOLDER FROM TO
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { train } from "../dist/index.js";

const [data, val, folder, from, to] = process.argv.slice(2);
const config = { dModel: 16, nHeads: 2, nLayers: 2, dFfn: 32, vocabSize: 260, seqLen: 16 };

/** Threads that run, whoever started them. */
const threads = new Set();
process.on("worker", (thread) => {
  threads.add(thread);
  thread.once("exit", () => threads.delete(thread));
});

for (let i = Number(from); i < Number(to); i++) {
  const workers = 1 + (i % 3);
  const out = join(folder, `run-${i}`);
  const run = train({ data, val, preset: "tiny", config, batch: 3, workers, out, steps: 1_000_000, saveEvery: 3 });
  const ended = run.then(
    () => ({}),
    (error) => error,
  );
  while (threads.size < workers) await wait(1);
  // some before they are ready, most in the middle of the work
  await wait(Math.random() < 0.2 ? 0 : 150 * Math.random());
  const killed = performance.now();
  await [...threads][Math.floor(Math.random() * threads.size)].terminate();
  const { code, name, message } = await ended;
  const milliseconds = performance.now() - killed;
  while (threads.size > 0) await wait(1);
  process.stdout.write(`${JSON.stringify({ i, out, milliseconds, code, name, message })}\n`);
}
