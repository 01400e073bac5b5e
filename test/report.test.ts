import { describe, expect, test } from "vitest";
import { presetConfig } from "../src/engine/config.ts";
import { commandToRepeat, shellLine } from "../src/report/command-line.ts";
import { compareSettings, comparison } from "../src/report/comparison.ts";
import { metricsCsv } from "../src/report/csv.ts";
import { chartsOfRun, chartsOfRuns } from "../src/report/curves.ts";
import { embeddedJson, html } from "../src/report/html.ts";
import { pageOf } from "../src/report/page.ts";
import { parseMetrics } from "../src/report/read-run.ts";
import type { RunRecord } from "../src/report/run-record.ts";
import { runReport } from "../src/report/run-report.ts";
import { highs, lasts, lows, means, runningMeans, spread, thinning } from "../src/report/thinning.ts";
import { halfLifeQuantiles, layersAtRest, leastHalfLife, ternaryShares } from "../src/train/layer-figures.ts";
import { presetSettings } from "../src/train/settings.ts";
import { oddConfig, randomLearner, randomValues } from "./model.ts";

const HOSTILE = `</script><img src=x onerror="alert('&')">`;

/** A run of so many steps, scored twice. */
function runOf(name: string, count: number, changes: Partial<RunRecord> = {}): RunRecord {
  const step = Array.from({ length: count }, (_, i) => i + 1);
  const config = presetConfig("tiny");
  const side = { stories: 3, bytes: 900, tokens: 300, sha256: "ab".repeat(32) };
  const layers = Array.from({ length: config.nLayers }, () => ({
    zero: 0.3,
    plus: 0.4,
    minus: 0.3,
    halfLife: [1, 2, 3, 4, 5, 6, 700],
  }));
  return {
    name,
    steps: {
      step,
      tokens: step.map((s) => 1024 * s),
      seconds: step.map((s) => s / 8),
      loss: step.map((s) => 7 - s / count),
      lr: step.map(() => 0.001),
      gradientNorm: step.map((s) => (s === 3 ? 99 : 0.5)),
      tokensPerSecond: step.map(() => 8192),
    },
    scores: [1, count].map((s) => ({ step: s, bitsPerByte: 3 - s / count, natsPerToken: 6 - s / count })),
    result: undefined,
    description: {
      preset: "tiny",
      data: "text.txt",
      config,
      settings: presetSettings.tiny,
      corpus: { training: side, heldOut: side },
      parts: [
        {
          fromStep: 0,
          started: "2026-01-02T03:04:05.000Z",
          workers: 2,
          kernels: "simd",
          revectorize: false,
          cpu: "a processor",
          cores: 4,
          memory: 2 ** 33,
          platform: "linux x64",
          runtime: "Node 20.0.0",
          startedBy: { command: ["thunderbolt", "train", "text.txt", "--out", name], version: "0.1.0" },
        },
      ],
    },
    looks: [1, count].map((s) => ({ step: s, prompt: "Once", text: ` upon ${s}`, layers })),
    model: { sha256: "cd".repeat(32), step: count, config, layersAtRest: undefined },
    ...changes,
  };
}

describe("thinning", () => {
  test("keeps few values as they are", () => {
    expect(thinning(3, 5)).toEqual({ every: 1, ends: [0, 1, 2] });
    expect(thinning(5, 5)).toEqual({ every: 1, ends: [0, 1, 2, 3, 4] });
    expect(thinning(0, 5)).toEqual({ every: 1, ends: [] });
  });

  test("cuts many into stretches that hold every value once, and keeps extremes and the last", () => {
    const values = Array.from({ length: 1003 }, (_, i) => (i * 7919) % 1003);
    const by = thinning(values.length, 100);
    expect(by.every).toBe(11);
    expect(by.ends.length).toBeLessThanOrEqual(100);
    expect(lasts(values, by).at(-1)).toBe(values[1002]);
    expect(Math.max(...highs(values, by))).toBe(1002);
    expect(Math.min(...lows(values, by))).toBe(0);
    const counts = by.ends.map((end, i) => end - (by.ends[i - 1] ?? -1));
    const sum = means(values, by).reduce((all, mean, i) => all + mean * counts[i], 0);
    expect(sum).toBeCloseTo((1002 * 1003) / 2, 6);
  });

  test("of things picks the first, the last and some between", () => {
    expect(spread([1, 2, 3], 4)).toEqual([1, 2, 3]);
    expect(spread([0, 1, 2, 3, 4, 5, 6], 3)).toEqual([0, 3, 6]);
  });

  test("the running mean is that of the last values", () => {
    expect(runningMeans([1, 2, 3, 4], 2)).toEqual([1, 1.5, 2.5, 3.5]);
  });
});

describe("what comes from outside", () => {
  test("is text in HTML and in the data of the page", () => {
    expect(html`<p title="${HOSTILE}">${HOSTILE}</p>`.source).not.toMatch(/<(img|\/script)|"alert/);
    expect(embeddedJson({ HOSTILE }).source).not.toContain("<");
    expect(JSON.parse(embeddedJson({ HOSTILE }).source)).toEqual({ HOSTILE });
  });

  test("cannot break out of a page, wherever it stands", () => {
    const base = runOf(HOSTILE, 5);
    const part = { ...base.description?.parts[0], cpu: HOSTILE, runtime: HOSTILE };
    const description = {
      ...base.description,
      data: HOSTILE,
      preset: HOSTILE,
      parts: [{ ...part, startedBy: { command: [HOSTILE, "--out", HOSTILE], version: HOSTILE } }],
    } as RunRecord["description"];
    const looks = base.looks.map((look) => ({ ...look, prompt: HOSTILE, text: HOSTILE }));
    const run = { ...base, description, looks };
    const assets = { script: "draw()", styles: "p{}" };
    for (const page of [pageOf(runReport(run), assets), pageOf(comparison([run, runOf("b", 4)]), assets)]) {
      expect(page).not.toMatch(/<img/);
      expect(page.match(/<\/script>/g)).toHaveLength(2);
      expect(page).toContain("&#60;/script&#62;");
      // nothing runs but our script, whose hash the page names, and nothing is fetched
      expect(page).toContain("default-src &#39;none&#39;; script-src &#39;sha256-");
      expect(page).not.toMatch(/<[^>]*\s(on\w+|style|src|href)=/);
    }
  });

  test("is quoted for a shell", () => {
    expect(shellLine(["thunderbolt", "train", "my text.txt", "it's", "$(x)"])).toBe(
      `thunderbolt train 'my text.txt' 'it'\\''s' '$(x)'`,
    );
  });
});

test("the command to repeat a run names its steps, and nothing that decides nothing", () => {
  const command = ["thunderbolt", "train", "t", "--minutes", "3", "--resume", "--overwrite", "--out", "r"];
  expect(commandToRepeat(command, 70)).toEqual(["thunderbolt", "train", "t", "--steps", "70", "--out", "r"]);
  expect(commandToRepeat(["a", "--minutes=3"], 70)).toEqual(["a", "--steps", "70"]);
  expect(commandToRepeat(["a", "--minutes", "3"], undefined)).toEqual(["a", "--minutes", "3"]);
});

describe("metrics", () => {
  const line = (step: number) =>
    JSON.stringify({ step, loss: 5, lr: 1, gradientNorm: 1, tokens: 10 * step, tokensPerSecond: 1, seconds: step });
  const score = JSON.stringify({ step: 1, valBitsPerByte: 2, valNatsPerToken: 3 });

  test("are read up to the line that is being written", () => {
    const { steps, scores, result } = parseMetrics(`${line(1)}\n${score}\n${line(2)}\n{"step":3,"lo`, "m");
    expect(steps.tokens).toEqual([10, 20]);
    expect(scores).toEqual([{ step: 1, bitsPerByte: 2, natsPerToken: 3 }]);
    expect(result).toBeUndefined();
  });

  test.each([
    [`nonsense\n${line(1)}\n`, /m: line 1 is no JSON object/],
    [`${line(1)}\n[1]\n`, /m: line 2 is no JSON object/],
    [`${line(1)}\n{"step":2}\n`, /m: line 2 has no number "tokens"/],
    [`${line(2)}\n${line(1)}\n`, /m: line 2 has step 1 after step 2/],
    [`${line(1).replace("5", "null")}\n`, /m: line 1 has no number "loss"/],
  ])("that training did not write are refused: %j", (text, message) => {
    expect(() => parseMetrics(text, "m")).toThrow(message);
  });

  test("as CSV have a row a step, with the scores, and names in quotes where they need them", () => {
    const rows = metricsCsv([runOf('a,"b"', 2), runOf("c", 3)]).split("\r\n");
    expect(rows[0]).toBe("run,step,tokens,seconds,loss,lr,gradientNorm,tokensPerSecond,valBitsPerByte,valNatsPerToken");
    expect(rows[1]).toBe('"a,""b""",1,1024,0.125,6.5,0.001,0.5,8192,2.5,5.5');
    expect(rows[4]).toBe("c,2,2048,0.25,6.333333333333333,0.001,0.5,8192,,");
    expect(rows).toHaveLength(7);
  });
});

describe("charts", () => {
  test("of a short run show each step; of a long one at most 1,500 points, and the extremes", () => {
    const short = chartsOfRun(runOf("a", 100)).charts.find(({ id }) => id === "gradient-norm");
    expect(short?.curves[0].y).toHaveLength(100);
    const { axes, charts } = chartsOfRun(runOf("a", 10_000));
    for (const { tokens, seconds } of axes) {
      expect(tokens.length).toBeLessThanOrEqual(1500);
      expect(seconds).toHaveLength(tokens.length);
    }
    const norm = charts.find(({ id }) => id === "gradient-norm");
    expect(norm?.band).toEqual([0, 1]);
    expect(Math.max(...(norm?.curves[0].y ?? []))).toBe(99);
    for (const { curves } of charts) for (const { axis, y } of curves) expect(y).toHaveLength(axes[axis].tokens.length);
    const lnV = charts[0].curves.find(({ label }) => label === "ln V");
    expect(lnV?.y).toEqual([6.9315, 6.9315]);
  });

  test("of several runs have a curve for each, where its points are", () => {
    const { axes, charts } = chartsOfRuns([runOf("a", 10), runOf("b", 20)]);
    const [loss] = charts;
    expect(loss.curves.map(({ label }) => label)).toEqual(["a", "b"]);
    expect(loss.curves.map(({ axis }) => axes[axis].tokens.at(-1))).toEqual([10_240, 20_480]);
  });
});

describe("comparing", () => {
  test("tells what differs from what is the same", () => {
    const b = runOf("b", 4);
    const description = b.description && { ...b.description, settings: { ...b.description.settings, lr: 1 } };
    const { differing, common } = compareSettings([runOf("a", 4), { ...b, description }]);
    expect(differing).toEqual([{ name: "lr", values: ["0.004", "1"] }]);
    expect(common.map(({ name }) => name)).toContain("dModel");
  });

  test("works with runs of which little is known", () => {
    const bare = { description: undefined, looks: [], model: undefined, scores: [] };
    const run = runOf("bare", 1, bare);
    for (const content of [runReport(run), comparison([run, runOf("b", 2)])]) {
      expect(pageOf(content, { script: "", styles: "" })).not.toMatch(/undefined|NaN|Infinity/);
    }
  });

  test("says so where a model is not causal, as the page of that run does", () => {
    const a = runOf("a", 3);
    const config = { ...presetConfig("tiny"), headNorm: "window" as const };
    const run = { ...a, description: a.description && { ...a.description, config } };
    for (const content of [runReport(run), comparison([run, runOf("b", 2)])]) {
      expect(pageOf(content, { script: "", styles: "" })).toContain("Not causal");
    }
    expect(pageOf(comparison([a, a]), { script: "", styles: "" })).not.toContain("Not causal");
  });

  test("says so where scores do not compare", () => {
    const b = runOf("b", 4);
    const corpus = b.description && { ...b.description.corpus, heldOut: { ...b.description.corpus.heldOut, bytes: 5 } };
    const other = { ...b, description: b.description && corpus && { ...b.description, corpus } };
    const page = (runs: RunRecord[]) => pageOf(comparison(runs), { script: "", styles: "" });
    expect(page([b, other])).toContain("scored on different texts");
    expect(page([b, runOf("c", 4)])).not.toContain("scored on different texts");
  });
});

describe("figures of the layers", () => {
  /** Gates that are as low as they can be. */
  const shut =
    (values: ReturnType<typeof randomValues>): ReturnType<typeof randomValues> =>
    (parameter) =>
      parameter.name.endsWith("f_bias") ? new Float32Array(parameter.count).fill(-100) : values(parameter);

  test("gates that are shut forget as fast as their layer lets them, on text and at rest", () => {
    const values = shut(randomValues(oddConfig));
    const learner = randomLearner(oddConfig, 1);
    learner.restore(values);
    const measured = learner
      .forgetGates([5, 9, 2, 30, 7])
      .map((gates) => halfLifeQuantiles([gates], oddConfig.nHeads * oddConfig.dHead));
    const atRest = layersAtRest(oddConfig, values).map(({ halfLife }) => halfLife);
    for (const lives of [measured, atRest]) {
      expect(lives).toHaveLength(oddConfig.nLayers);
      for (const [layer, quantiles] of lives.entries()) {
        if (layer === 0) continue;
        for (const life of quantiles) expect(life).toBeCloseTo(leastHalfLife(oddConfig, layer), 3);
      }
    }
    expect(leastHalfLife(oddConfig, 0)).toBe(0);
    expect(leastHalfLife(oddConfig, 2)).toBeCloseTo(Math.log(0.5) / Math.log(0.9), 12);
  });

  test("a gate of one half has a half-life of one token; quantiles are in order", () => {
    expect(halfLifeQuantiles([new Float32Array(12).fill(0.5)], 3)).toEqual([1, 1, 1, 1, 1, 1, 1]);
    const gates = Float32Array.from([0.25, 0.5, 0.9, 0.25, 0.5, 0.9]);
    expect(halfLifeQuantiles([gates], 3)).toEqual([0.5, 0.5, 1, 1, 6.579, 6.579, 6.579]);
    // 1 in float32 would never forget
    expect(halfLifeQuantiles([new Float32Array(3).fill(1)], 1)[0]).toBeLessThan(1e7);
  });

  test("shares count codes, a half rounding to zero", () => {
    const weights = new Float32Array([1, -1, 0.25, -0.25, 0.5, 0.5, -0.375, -0.125]);
    // mean |W| is 0.5: a code is 0 up to 0.25
    const parameter = {
      name: "blocks.0.ffn_up.weight",
      kind: "ternary" as const,
      shape: [2, 4],
      count: 8,
      variance: 1,
      fill: 0,
    };
    const shares = ternaryShares({ ...oddConfig, nLayers: 1 }, [parameter], () => weights);
    expect(shares).toEqual([{ zero: 0.375, plus: 0.375, minus: 0.25 }]);
  });
});
