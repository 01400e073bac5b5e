import { hash32 } from "../engine/random.ts";
import { wholeNumber } from "../engine/whole-number.ts";
import type { Runner } from "./runner.ts";

/** What the audit found. */
export interface Audit {
  /** True only if no logit changed, in any bit, with anything after its token. */
  readonly causal: boolean;
  /** The largest change of a logit: exactly 0 for a causal model. */
  readonly largestLeak: number;
  /** Where that was; absent for a causal model. */
  readonly where?: {
    /** `future`: later tokens were changed. `prefix`: the window was compared with its prefix alone. */
    readonly test: "future" | "prefix";
    /** Position in the window of the logit that changed. */
    readonly position: number;
    /** Position of the first token that was changed or left out. */
    readonly changedFrom: number;
  };
  /** Windows that were tried. */
  readonly windows: number;
}

/**
 * Tries to show that a model sees the future, in two ways, on random windows of seqLen tokens:
 * later tokens are changed, and no earlier logit may change; and each prefix alone must give the logits that the
 * window gave at its end. For a causal model the prefixes are also streamed token by token.
 *
 * @throws OptionError for a seed that is no whole number below 2^32.
 */
export function auditCausality(runner: Runner, seed = 0, windows = 4): Audit {
  wholeNumber("seed", seed, 0, 2 ** 32 - 1);
  const T = Math.min(runner.capacity, runner.config.seqLen);
  const { vocabSize: V, headNorm } = runner.config;
  let largestLeak = 0;
  let where: Audit["where"];
  let drawn = 0;
  const random = (below: number) => hash32(drawn++, seed) % below;

  const compare = (
    test: "future" | "prefix",
    position: number,
    changedFrom: number,
    a: Float32Array,
    b: Float32Array,
  ) => {
    for (let v = 0; v < V; v++) {
      const difference = Math.abs(a[v] - b[v]);
      // NaN is a leak too: it is not the same logit
      const leak = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
      if (leak <= largestLeak) continue;
      largestLeak = leak;
      where = { test, position, changedFrom };
    }
  };

  for (let window = 0; window < windows; window++) {
    const ids = Int32Array.from({ length: T }, () => random(V));
    const logits = allLogits(runner, ids);
    const row = (all: Float32Array, t: number) => all.subarray(t * V, (t + 1) * V);

    for (let trial = 0; trial < 4; trial++) {
      const changedFrom = T === 1 ? 1 : 1 + random(T - 1);
      const changed = ids.map((id, t) => (t < changedFrom ? id : random(V)));
      const others = allLogits(runner, changed);
      for (let t = 0; t < changedFrom; t++) compare("future", t, changedFrom, row(logits, t), row(others, t));
    }
    for (let trial = 0; trial < 4; trial++) {
      const length = 1 + random(T);
      runner.forward(ids.subarray(0, length));
      compare("prefix", length - 1, length, row(logits, length - 1), runner.logits(length - 1, 1));
    }
    if (headNorm === "window") continue;
    const state = new Float32Array(runner.stateCount);
    for (let t = 0; t < T; t++) {
      runner.forward(ids.subarray(t, t + 1), state);
      compare("prefix", t, t + 1, row(logits, t), runner.logits(0, 1));
    }
  }
  return { causal: largestLeak === 0, largestLeak, ...(where && { where }), windows };
}

/** The logits of a whole window, T x V, a copy. */
function allLogits(runner: Runner, ids: Int32Array): Float32Array {
  const { vocabSize: V } = runner.config;
  const all = new Float32Array(ids.length * V);
  runner.forward(ids);
  for (let t = 0; t < ids.length; t++) all.set(runner.logits(t, 1), t * V);
  return all;
}
