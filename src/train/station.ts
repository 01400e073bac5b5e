import type { Kernels } from "../engine/instance.ts";
import { type PlacedParameter, ROW_GROUP } from "../engine/model-plan.ts";
import type { TrainingPlan } from "./plan.ts";

/** One worker's view of a run: its own instance of the kernels on the shared memory. */
export interface Station {
  readonly kernels: Kernels;
  readonly memory: WebAssembly.Memory;
  readonly plan: TrainingPlan;
  /** 0..workers-1. */
  readonly worker: number;
}

/** Whether the step is to end: what it has computed so far will not be used. */
export function stopped({ memory, plan }: Station): boolean {
  return Atomics.load(new Int32Array(memory.buffer, plan.stop, 1), 0) !== 0;
}

/**
 * A worker's share of all rows of all parameters: about equally much work for each, cut at multiples of 16 rows.
 *
 * @param workOf what a number of a parameter costs, compared with others
 */
export function rowShare(
  plan: TrainingPlan,
  worker: number,
  workOf: (parameter: PlacedParameter) => number = () => 1,
): { index: number; from: number; to: number }[] {
  const { parameters } = plan.model;
  const total = parameters.reduce((sum, parameter) => sum + parameter.count * workOf(parameter), 0);
  const [low, high] = [worker, worker + 1].map((w) => (total * w) / plan.shape.workers);
  const share: { index: number; from: number; to: number }[] = [];
  let before = 0;
  parameters.forEach((parameter, index) => {
    const { rows, columns, count } = parameter;
    const work = workOf(parameter);
    const rowAt = (position: number) => {
      const row = Math.ceil((position - before) / (columns * work) / ROW_GROUP) * ROW_GROUP;
      return Math.min(rows, Math.max(0, row));
    };
    const [from, to] = [rowAt(low), rowAt(high)];
    before += count * work;
    if (from < to) share.push({ index, from, to });
  });
  return share;
}
