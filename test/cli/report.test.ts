import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSafetensors } from "../../src/formats/safetensors.ts";
import { drawnPixels, executablePath, launchChromium, noChromium } from "../chromium.ts";
import {
  json,
  metrics,
  put,
  refuse,
  sha256,
  smallInputs,
  snapshot,
  temporaryFolder,
  thunderbolt,
  works,
} from "./harness.ts";

const folder = temporaryFolder();
const inputs = smallInputs(folder);
const run = join(folder, "run");
const other = join(folder, "other");
const HOSTILE = `</script><img src=x onerror="alert(1)">`;
const trainTo = (out: string, ...more: string[]) => [...inputs.train, "--val", inputs.heldOut, "--out", out, ...more];
let trained: Record<string, unknown>;

if (!executablePath) console.warn(`the charts of reports are not looked at: ${noChromium}`);

beforeAll(async () => {
  trained = await json(trainTo(run, "--steps", "30", "--eval-every", "10"));
  await works(trainTo(other, "--steps", "12", "--lr", "0.001"));
});

/** The looks in a run's samples.jsonl. */
function looks(path: string): { step: number; text: string; layers: Record<string, number>[] }[] {
  const lines = readFileSync(join(path, "samples.jsonl"), "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

describe("train", () => {
  test("looks at the model with each score and at the end", () => {
    expect(looks(run).map(({ step }) => step)).toEqual([10, 20, 30]);
    expect(looks(other).map(({ step }) => step)).toEqual([12]);
    for (const { text, layers } of looks(run)) {
      expect(text.length).toBeGreaterThan(0);
      expect(layers).toHaveLength(2);
    }
  });

  test("counts the codes that the packed model has", async () => {
    const packed = join(folder, "run.thunderbolt");
    await works(["pack", run, "--output", packed]);
    const { tensors } = readSafetensors(readFileSync(packed));
    const last = looks(run).at(-1)?.layers ?? [];
    last.forEach(({ plus, minus }, l) => {
      const codes = [...tensors].filter(([name]) => name.startsWith(`blocks.${l}.`) && name.endsWith(".codes"));
      const counts = [0, 0, 0];
      for (const [, { bytes }] of codes) {
        for (const byte of bytes) for (const shift of [0, 2, 4, 6]) counts[(byte >> shift) & 3]++;
      }
      // no matrix of this model has a width that needs filling up
      const all = counts.reduce((a, b) => a + b, 0);
      expect(codes).toHaveLength(6);
      expect([plus, minus]).toEqual([counts[1] / all, counts[2] / all].map((share) => Number(share.toPrecision(4))));
    });
  });

  test("writes a report at its end, after an interrupt, and again when it is resumed", async () => {
    expect(readFileSync(join(run, "report.html"), "utf8")).toContain(String(trained.sha256));
    const stopped = join(folder, "stopped");
    const args = trainTo(stopped, "--steps", "4000", "--save-every", "1000000");
    expect((await thunderbolt(args, { interruptAt: /step 1\// })).code).toBe(130);
    const report = () => readFileSync(join(stopped, "report.html"), "utf8");
    expect(report()).toContain("Not at its end");
    expect(report()).toContain("by the forget gate&#39;s bias alone");
    const { step } = readSafetensors(readFileSync(join(stopped, "state.safetensors"))).metadata;
    const { stdout } = await works(trainTo(stopped, "--steps", String(Number(step) + 1), "--resume"));
    expect(stdout).toContain(`report: ${stopped}/report.html`);
    expect(report()).toContain(`${(Number(step) + 1).toLocaleString("en")} steps, to the end`);
    expect(JSON.parse(readFileSync(join(stopped, "run.json"), "utf8")).parts).toHaveLength(2);
  });

  test("has the same bits whether it is looked at or not, and keeps its result where the report cannot be written", async () => {
    const blind = join(folder, "blind");
    mkdirSync(join(blind, "report.html", "in the way"), { recursive: true });
    // what is in the way of a new run is removed, but not a folder
    expect((await thunderbolt(trainTo(blind, "--steps", "30"))).code).toBe(2);
    rmSync(join(blind, "report.html"), { recursive: true });
    const { sha256: hash } = await json(trainTo(blind, "--steps", "30"));
    expect(hash).toBe(trained.sha256);
    rmSync(join(blind, "report.html"));
    mkdirSync(join(blind, "report.html"));
    const { stdout, stderr } = await works(trainTo(blind, "--steps", "30", "--resume", "--json"));
    expect(JSON.parse(stdout).sha256).toBe(trained.sha256);
    expect(stderr).toMatch(/\nno report: .*report\.html, which is a folder/);
    expect(sha256(join(blind, "model.safetensors"))).toBe(trained.sha256);
  });
});

describe("report", () => {
  test("of a run tells what its metrics tell", async () => {
    const path = join(folder, "one.html");
    const result = await json(["report", run, "-o", path]);
    const page = readFileSync(path);
    expect(result).toEqual({ path, bytes: page.length, runs: [run] });
    const text = page.toString();
    const last = metrics(run).at(-1) ?? {};
    for (const value of [last.valBitsPerByte, last.valNatsPerToken, last.trainLoss]) {
      expect(text).toContain(`<dd>${Number(value).toFixed(3)}</dd>`);
    }
    const { data } = JSON.parse(readFileSync(join(run, "run.json"), "utf8"));
    for (const part of [data, last.sha256, "Node ", "--eval-every 10", "ln V = 5.704", "measured on held-out text"]) {
      expect(text).toContain(part);
    }
    expect(text).not.toMatch(/undefined|\bNaN\b|\[object/);
    expect(page.length).toBeLessThan(120_000);
    const sheet = JSON.parse(/id="chart-sheet">(.*?)<\/script>/.exec(text)?.[1] ?? "");
    const bits = sheet.charts.find(({ id }: { id: string }) => id === "bits-per-byte");
    const scores = metrics(run).flatMap(({ valBitsPerByte }) => (valBitsPerByte === undefined ? [] : [valBitsPerByte]));
    expect(bits.curves[0].y).toEqual(scores.map((value) => Number(Number(value).toPrecision(5))));
  });

  test("goes into the run; of several runs it is one page, where it is told", async () => {
    const before = snapshot(run);
    expect(await json(["report", run])).toMatchObject({ path: join(run, "report.html") });
    expect(Object.keys(snapshot(run))).toEqual(Object.keys(before));
    const path = join(folder, "several.html");
    const { stdout } = await works(["report", run, other, "--output", path]);
    expect(stdout).toMatch(/several\.html: [\d,]+ bytes\n/);
    const page = readFileSync(path, "utf8");
    for (const part of [run, other, "What differs", "<td>0.004</td><td>0.001</td>"]) expect(page).toContain(part);
  });

  test("as CSV has a row a step", async () => {
    expect(await json(["report", run, "--csv"])).toMatchObject({ path: join(run, "metrics.csv") });
    const rows = readFileSync(join(run, "metrics.csv"), "utf8").trimEnd().split("\r\n");
    expect(rows).toHaveLength(31);
    const [first] = metrics(run);
    expect(rows[1].split(",").slice(1, 5)).toEqual(
      [first.step, first.tokens, first.seconds, first.loss].map((value) => String(value)),
    );
    expect(rows[10]).toMatch(new RegExp(`,${metrics(run)[10].valBitsPerByte},`));
    rmSync(join(run, "metrics.csv"));
  });

  test("works while a run goes on, and with one of which only the metrics are left", async () => {
    const bare = join(folder, "bare");
    const lines = readFileSync(join(run, "metrics.jsonl"), "utf8").split("\n").slice(0, 5);
    put(bare, "metrics.jsonl", `${lines.join("\n")}\n{"step":6,"lo`);
    await works(["report", bare]);
    expect(readFileSync(join(bare, "report.html"), "utf8")).toContain("so far 5 steps");
    for (const file of ["run.json", "samples.jsonl", "model.safetensors"]) put(bare, file, "{broken");
    await works(["report", bare]);
    put(bare, "run.json", '{"parts":[{}],"config":{}}');
    put(bare, "samples.jsonl", '{"step":3,"layers":[null]}\n');
    await works(["report", bare, run, "-o", join(folder, "bare.html")]);
  });

  test("refuses what is no run, in one line", async () => {
    const empty = join(folder, "empty");
    mkdirSync(empty);
    const noStep = put(join(folder, "no-step"), "metrics.jsonl", "");
    const damaged = put(join(folder, "damaged"), "metrics.jsonl", '{"step":1}\n{}\n');
    const cases: [string[], string | RegExp][] = [
      [[""], /run is empty/],
      [[inputs.text], /text\.txt is a file/],
      [[empty], /empty holds no metrics\.jsonl/],
      [[run, empty, "-o", join(folder, "never.html")], /empty holds no metrics\.jsonl/],
      [[join(noStep, "..")], /no-step has taken no step yet/],
      [[join(damaged, "..")], /metrics\.jsonl: line 1 has no number/],
      [[run, "-o", ""], /--output is empty/],
      [[run, "-o", folder], /--output is .*, which is a folder/],
      [[run, "-o", join(inputs.text, "r.html")], /--output is .*text\.txt is a file/],
      [[run, "--pdf"], /--pdf/],
    ];
    await refuse(
      folder,
      cases.map(([args, culprit]) => [["report", ...args], culprit]),
    );
  });
});

describe.skipIf(!executablePath)("in Chromium", () => {
  let browser: Browser;
  const pages: Record<string, string> = {};

  beforeAll(async () => {
    browser = await launchChromium();
    const hostile = join(folder, "hostile");
    await cp(run, hostile, { recursive: true });
    const samples = looks(run).map((look) => JSON.stringify({ ...look, text: HOSTILE, prompt: HOSTILE }));
    writeFileSync(join(hostile, "samples.jsonl"), `${samples.join("\n")}\n`);
    await works(["report", hostile]);
    pages.one = join(run, "report.html");
    pages.hostile = join(hostile, "report.html");
    pages.several = join(folder, "compared.html");
    await works(["report", run, other, hostile, "-o", pages.several]);
  });
  afterAll(() => browser?.close());

  test.each([
    ["one", 1280, 7],
    ["one", 390, 7],
    ["hostile", 1280, 7],
    ["several", 1280, 5],
    ["several", 390, 5],
  ])("the page on %s run(s) draws its charts at %i pixels, and asks for nothing", async (name, width, charts) => {
    const page = await browser.newPage({ viewport: { width, height: 800 } });
    const faults: string[] = [];
    const asked: string[] = [];
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") faults.push(message.text());
    });
    page.on("request", (request) => asked.push(request.url()));
    const url = pathToFileURL(pages[name]).href;
    await page.goto(url);
    const drawn = () => page.evaluate(drawnPixels);
    expect(await drawn()).toHaveLength(charts);
    for (const pixels of await drawn()) expect(pixels).toBeGreaterThan(100);
    expect(await page.locator(".u-legend").first().textContent()).toContain("tokens");
    await page.check("[value=seconds]");
    expect(await page.locator(".u-legend").first().textContent()).toContain("seconds");
    for (const pixels of await drawn()) expect(pixels).toBeGreaterThan(100);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
    expect(await page.locator("img").count()).toBe(0);
    await page.emulateMedia({ colorScheme: "dark" });
    for (const pixels of await drawn()) expect(pixels).toBeGreaterThan(100);
    expect(faults).toEqual([]);
    expect(asked).toEqual([url]);
    await page.close();
  });
});
