import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createContext, runInContext } from "node:vm";
import { type BuildOptions, build } from "esbuild";
import { beforeAll, describe, expect, test } from "vitest";
import { loadModel } from "../../dist/index.js";
import { temporaryFolder } from "../cli/harness.ts";
import { putModel, root } from "./install.ts";

const folder = temporaryFolder();

/** Bundles an entry of the built package for no host in particular. */
async function bundle(entry: string, options: BuildOptions) {
  const { metafile, warnings, outputFiles } = await build({
    entryPoints: [join(root, "dist", entry)],
    bundle: true,
    platform: "neutral",
    logLevel: "silent",
    ...options,
    metafile: true,
    write: false,
  });
  expect(warnings).toEqual([]);
  return { metafile, code: outputFiles[0].text };
}

/** What there is on the web beside JavaScript itself, as far as the library may use it. */
const web = {
  AbortController,
  AbortSignal,
  Blob,
  MessageChannel,
  Response,
  TextDecoder,
  TextEncoder,
  URL,
  atob,
  fetch,
  performance,
};

describe.each(["portable.js", "web-worker.js"])("dist/%s", (entry) => {
  test("imports nothing, neither of Node nor of another package", async () => {
    const { metafile } = await bundle(entry, { format: "esm" });
    const [output] = Object.values(metafile.outputs);
    expect(output.imports).toEqual([]);
    expect(Object.keys(metafile.inputs).filter((file) => !file.startsWith("dist/"))).toEqual([]);
  });
});

test("dist/server.js imports Hono, and nothing of Node", async () => {
  const { metafile } = await bundle("server.js", { format: "esm", external: ["hono"] });
  const [output] = Object.values(metafile.outputs);
  for (const { path } of output.imports) expect(path).toMatch(/^hono(\/|$)/);
  expect(Object.keys(metafile.inputs).filter((file) => !file.startsWith("dist/"))).toEqual([]);
});

describe("where there is the web and nothing of Node", () => {
  let code: string;
  let model: Uint8Array;
  const single = readFileSync(join(root, "dist", "single.wasm"));

  beforeAll(async () => {
    ({ code } = await bundle("portable.js", {
      format: "iife",
      globalName: "library",
      define: { "import.meta.url": '"https://example.org/portable.js"' },
    }));
    await putModel(folder);
    model = readFileSync(join(folder, "model.thunderbolt"));
  });

  /** What the model says, with a score, in a realm of its own with nothing in it but these globals. */
  async function results(globals: object, setUp = ""): Promise<unknown> {
    const realm = createContext({ ...globals, bytes: model, single, wasm: undefined });
    runInContext(`${code}\n${setUp}`, realm);
    const said = `(async () => {
      const model = await library.loadModel(bytes, { workers: 2, wasm });
      let text = "";
      for await (const piece of model.generate("Once", { maxTokens: 20, seed: 1 })) text += piece.text;
      return JSON.stringify({ text, ...(await model.evaluate("Once upon a time")) });
    })()`;
    return JSON.parse(await runInContext(said, realm));
  }

  async function expected(): Promise<unknown> {
    const loaded = await loadModel(model);
    let text = "";
    for await (const piece of loaded.generate("Once", { maxTokens: 20, seed: 1 })) text += piece.text;
    return { text, ...(await loaded.evaluate("Once upon a time")) };
  }

  test("models are loaded, generate and score as elsewhere", async () => {
    expect(await results(web)).toEqual(await expected());
  });

  test("without shared memory too", async () => {
    expect(await results(web, "delete globalThis.SharedArrayBuffer;")).toEqual(await expected());
  });

  test("where nothing may be compiled, with kernels that are given", async () => {
    const forbid = `
      const refuse = () => { throw new WebAssembly.CompileError("disallowed by embedder"); };
      WebAssembly.Module = new Proxy(WebAssembly.Module, { construct: refuse });
      for (const name of ["compile", "instantiate", "validate"]) WebAssembly[name] = refuse;`;
    await expect(results(web, forbid)).rejects.toThrow(/cannot compile WebAssembly.*option wasm/);
    expect(await results(web, `wasm = new WebAssembly.Module(single);${forbid}`)).toEqual(await expected());
  });
});
