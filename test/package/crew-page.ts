// What browser.test.ts bundles and opens: training by Web Workers beside training by the page's own thread, and crews in
// which something goes wrong.
import type { AnyCrewFactory } from "../../src/engine/crew.ts";
import { WorkerError } from "../../src/engine/errors.ts";
import { createMemory } from "../../src/engine/instance.ts";
import { compileKernels } from "../../src/engine/module.ts";
import type { TrainingCrew, TrainingJob } from "../../src/train/crew.ts";
import { Learner } from "../../src/train/learner.ts";
import { presetSettings } from "../../src/train/settings.ts";
import { webCrew } from "../../src/workers/web-crew.ts";
import { oddConfig } from "../model.ts";

const config = { ...oddConfig, activations: "int8" } as const;
const compiled = compileKernels();

/** The weights after three steps, and their losses. */
async function train(workers: number, crew?: AnyCrewFactory): Promise<{ weights: string; losses: number[] }> {
  const learner = new Learner(compiled, { config, batch: 3, workers }, crew);
  learner.initialise(1);
  const fill = (_: number, ids: Int32Array, targets: Int32Array) => {
    for (let i = 0; i < ids.length; i++) [ids[i], targets[i]] = [(i * 7) % 37, (i * 11) % 37];
  };
  const losses: number[] = [];
  for (let step = 0; step < 3; step++) {
    losses.push((await learner.update(2, fill, 1e-3, presetSettings.tiny)).loss);
  }
  const weights = learner.plan.model.parameters.map((parameter) => learner.weights(parameter).slice()).join(" ");
  await learner.close();
  return { weights, losses };
}

/** A crew for a job with a memory of one page, in which whatever is planned does not fit. */
function crewWithoutRoom(start?: () => Worker): TrainingCrew {
  const job: TrainingJob = {
    work: "training",
    compiled,
    memory: createMemory(compiled.set, 1),
    shape: { config, batch: 3, workers: 2 },
  };
  return webCrew(start)(job);
}

async function faultOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "none";
  } catch (error) {
    return error instanceof WorkerError ? `${error.name} ${error.code} ${error.message}` : String(error);
  }
}

async function all() {
  const [alone, together] = [await train(1), await train(2, webCrew())];
  const trapped = crewWithoutRoom();
  const trap = await faultOf(trapped.run({ kind: "sequences", lossWeight: 1, key: 0 }));
  const after = await faultOf(trapped.run({ kind: "pack" }));
  const missing = crewWithoutRoom(() => new Worker("none.js", { type: "module" }));
  const closed = crewWithoutRoom();
  const waiting = faultOf(closed.run({ kind: "pack" }));
  await closed.close();
  return {
    same: JSON.stringify(alone) === JSON.stringify(together),
    losses: alone.losses.length,
    trap,
    after,
    missing: await faultOf(missing.run({ kind: "pack" })),
    closed: await waiting,
  };
}

const answer = await all().catch((error: unknown) => ({ error: String(error) }));
await fetch("/result", { method: "POST", body: JSON.stringify(answer) });
