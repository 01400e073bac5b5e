import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import { preview, build as viteBuild } from "vite";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { loadModel } from "../src/index.ts";
import { executablePath, launchChromium, noChromium, openWatched } from "./chromium.ts";
import { temporaryFolder } from "./cli/harness.ts";
import { install, root } from "./package/install.ts";
import { collect, randomModelFile } from "./text-model.ts";

const folder = temporaryFolder();
const examples = join(folder, "examples");
const modelFile = join(folder, "model.thunderbolt");
const { asked, askServer, findCommand, withServer } = await import(
  new URL("runtimes/example-servers.mjs", import.meta.url).href
);
const model = await loadModel(randomModelFile());
afterAll(() => model.dispose());
const told = async (prompt: string, options: object) => prompt + (await collect(model.generate(prompt, options))).text;
/** What `askServer` asks a server to complete. */
const completed = async () => (await told("The dog", { maxTokens: 40, seed: 3 })).slice("The dog".length);

beforeAll(() => {
  install(folder);
  cpSync(join(root, "examples"), examples, { recursive: true });
  writeFileSync(modelFile, randomModelFile());
});

test("node.mjs tells a story and scores a text", async () => {
  const said = execFileSync(process.execPath, ["node.mjs", modelFile], { cwd: examples, encoding: "utf8" });
  const story = await told("Once upon a time", { maxTokens: 200, temperature: 0.8, seed: 7 });
  const { tokens, bitsPerByte } = await model.score("The dog ran to the big tree.");
  const [first] = tokens;
  expect(said.slice(0, story.length)).toBe(story);
  const lines = said.slice(story.length).trim().split("\n");
  expect(lines).toHaveLength(1 + tokens.length);
  expect(lines[0]).toBe(`${bitsPerByte.toFixed(2)} bits a byte; the nats of each token:`);
  expect(lines[1].trim()).toBe(`${first.nats.toFixed(2)} ${JSON.stringify(first.text)}`);
});

test("node.mjs takes the model that ships, where none is named", () => {
  const said = execFileSync(process.execPath, ["node.mjs"], { cwd: examples, encoding: "utf8" });
  expect(said).toMatch(/^Once upon a time.*bits a byte/s);
});

test.for<[file: string, command: string[], storyPath: string, appPath: string]>([
  ["hono/server.mjs", [process.execPath], "/story", "/llm"],
  ["deno.ts", ["deno", "run", "--allow-read", "--allow-env", "--allow-net"], "/", ""],
  ["bun.ts", ["bun"], "/", ""],
])("%s serves stories and completions", async ([file, [name, ...before], storyPath, appPath], { skip }) => {
  const command = name === process.execPath ? name : findCommand(name);
  if (!command) {
    console.warn(`skipped: examples/${file}, since there is no ${name} in the path`);
    skip(`no ${name} in the path`);
  }
  await withServer([command, ...before, file, modelFile], examples, async (url: string) => {
    const { type, story, completion } = await askServer(url, storyPath, appPath);
    expect(type).toMatch(/^text\/plain/);
    expect(story).toMatch(/^Once upon a time./s);
    expect(completion).toMatchObject({ choices: [{ text: await completed() }] });
  });
});

test("edge/worker.js answers with a story where nothing is compiled", async () => {
  const worker = join(folder, "worker.mjs");
  writeFileSync(join(examples, "edge", "tinystories.thunderbolt"), randomModelFile());
  await build({
    entryPoints: [join(examples, "edge", "worker.js")],
    outfile: worker,
    bundle: true,
    format: "esm",
    target: "es2023",
    conditions: ["workerd", "worker", "browser"],
    loader: { ".thunderbolt": "binary" },
    plugins: [compiledWasm],
    logLevel: "silent",
  });
  const { default: handler } = await import(pathToFileURL(worker).href);
  const response: Response = await handler.fetch(new Request("http://localhost/?prompt=The+dog&seed=5"));
  expect(await response.text()).toBe(await told("The dog", { maxTokens: 200, seed: 5 }));
  const completion: Response = await handler.fetch(
    new Request("http://localhost/v1/completions", { method: "POST", body: JSON.stringify(asked) }),
  );
  expect(await completion.json()).toMatchObject({ choices: [{ text: await completed() }] });
  const reader = (await handler.fetch(new Request("http://localhost/"))).body.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("Once upon a time");
  await reader.cancel();
});

test("vite/ is built, and its page tells a story and scores it by Web Workers", async ({ skip }) => {
  const vite = join(examples, "vite");
  mkdirSync(join(vite, "public"));
  writeFileSync(join(vite, "public", "tinystories.thunderbolt"), randomModelFile());
  await viteBuild({ root: vite, logLevel: "silent" });
  if (!executablePath) {
    console.warn(`skipped: the page of examples/vite: ${noChromium}`);
    skip(noChromium);
  }
  const server = await preview({ root: vite, logLevel: "silent", preview: { port: 0, host: "127.0.0.1" } });
  onTestFinished(() => server.close());
  const browser = await launchChromium();
  onTestFinished(() => browser.close());
  const [url] = server.resolvedUrls?.local ?? [];
  const faults: string[] = [];
  const page = await openWatched(browser, url, faults);
  await page.fill("[name=prompt]", "The dog");
  await page.click("[name=tell]");
  await page.waitForFunction(() => document.querySelector("#score")?.textContent);
  const [, seed, bits] = /^told with seed (\d+); (\S+) bits/.exec((await page.textContent("#score")) ?? "") ?? [];
  const story = await told("The dog", { seed: Number(seed) });
  expect(await page.textContent("#story")).toBe(story);
  expect(bits).toBe((await model.evaluate(story)).bitsPerByte.toFixed(2));
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  expect(page.workers()).toHaveLength(2);
  expect(faults).toEqual([]);
});

/** Gives an import of WebAssembly compiled, as hosts at the edge do. */
const compiledWasm: Plugin = {
  name: "compiled-wasm",
  setup({ onLoad }) {
    onLoad({ filter: /\.wasm$/ }, ({ path }) => ({
      loader: "js",
      contents: `export default new WebAssembly.Module(Buffer.from("${readFileSync(path, "base64")}", "base64"));`,
    }));
  },
};
