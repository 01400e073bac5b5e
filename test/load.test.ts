import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parseConfig } from "../src/engine/config.ts";
import { OptionError } from "../src/engine/errors.ts";
import { compileKernels } from "../src/engine/module.ts";
import { parameterTable } from "../src/engine/parameters.ts";
import { writeModelFile } from "../src/formats/model-file.ts";
import { loadModel as loadOnNode } from "../src/index.ts";
import type { LoadOptions } from "../src/inference/load.ts";
import type { Model } from "../src/inference/model.ts";
import type { ByteSource } from "../src/inference/source.ts";
import { loadModel } from "../src/portable.ts";
import { byteVocabulary } from "./byte-vocabulary.ts";
import { temporaryFolder } from "./cli/harness.ts";
import { oddConfig, randomValues } from "./model.ts";

const config = parseConfig({ ...oddConfig, vocabSize: 260 });
const bytes = Uint8Array.from(
  Buffer.concat(writeModelFile(config, byteVocabulary, parameterTable(config), randomValues(config))),
);
const path = join(temporaryFolder(), "model.safetensors");
writeFileSync(path, bytes);

/** The logits after a token: what says that a model is the one that was meant. */
function logitsOf(model: Model): Float32Array {
  const session = model.session();
  session.append([7]);
  model.dispose();
  return session.logits;
}

const expected = logitsOf(await loadModel(bytes));

/** Serves the model at /model, nothing else, and at /slow the beginning of it. */
const server = createServer((request, response) => {
  if (request.url === "/model") response.end(bytes);
  else if (request.url === "/slow") response.write(bytes.subarray(0, 100));
  else response.writeHead(404).end();
});
let address = "";

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  address = `http://localhost:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe("a model is loaded", () => {
  const within = new Uint8Array(bytes.length + 11);
  within.set(bytes, 5);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);

  test.each<[string, () => ByteSource]>([
    ["an address", () => `${address}/model`],
    ["a URL", () => new URL("/model", address)],
    ["a data URL", () => `data:application/octet-stream;base64,${Buffer.from(bytes).toString("base64")}`],
    ["a response", () => new Response(bytes)],
    ["a blob", () => new Blob([bytes])],
    ["a buffer", () => bytes.buffer],
    ["a part of a buffer", () => within.subarray(5, 5 + bytes.length)],
    ["shared memory", () => shared],
  ])("from %s, on Node and elsewhere", async (_, source) => {
    expect(logitsOf(await loadModel(source()))).toEqual(expected);
    expect(logitsOf(await loadOnNode(source()))).toEqual(expected);
  });

  test.each<[string, ByteSource]>([
    ["a path", path],
    ["the URL of a file", pathToFileURL(path)],
    ["the URL of a file as a string", pathToFileURL(path).href],
  ])("from %s on Node", async (_, source) => {
    expect(logitsOf(await loadOnNode(source))).toEqual(expected);
  });

  test.each<[string, () => unknown, RegExp]>([
    ["an address that is not there", () => `${address}/none`, /\/none answers 404 Not Found; expected the address/],
    ["a response that is an error", () => new Response("", { status: 500 }), /^model answers 500 /],
    ["an address without a server", () => "http://localhost:1/model", /localhost:1\/model cannot be fetched \(/],
    ["a number", () => 5, /not from 5$/],
    ["nothing", () => undefined, /not from undefined$/],
  ])("not from %s", async (_, source, message) => {
    for (const load of [loadModel, loadOnNode]) {
      const loading = load(source() as ByteSource);
      await expect(loading).rejects.toThrow(OptionError);
      await expect(loading).rejects.toThrow(message);
    }
  });

  test("not at all for an option that is refused: nothing is read", async () => {
    const source = new Blob([bytes]);
    const read = vi.spyOn(source, "arrayBuffer");
    for (const load of [loadModel, loadOnNode]) {
      await expect(load(source, { kernels: "fast" })).rejects.toThrow(OptionError);
    }
    expect(read).not.toHaveBeenCalled();
  });

  test("until a signal comes, with its reason", async () => {
    const aborted = AbortSignal.abort(new Error("enough"));
    await expect(loadModel(bytes, { signal: aborted })).rejects.toThrow("enough");
    await expect(loadOnNode(path, { signal: aborted })).rejects.toThrow("enough");
    const endless = new Response(new ReadableStream({ pull: () => new Promise(() => {}) }));
    for (const source of [`${address}/slow`, endless]) {
      const controller = new AbortController();
      const loading = loadModel(source, { signal: controller.signal });
      setTimeout(() => controller.abort(new Error("enough")), 20);
      await expect(loading).rejects.toThrow("enough");
    }
  });
});

describe("kernels", () => {
  const wasm = (name: string) => readFileSync(new URL(`../wasm-build/${name}.wasm`, import.meta.url));
  const relaxed = compileKernels().set === "relaxed" ? ["relaxed"] : [];

  test.each(["single", "simd", ...relaxed])("%s can be given, in every form", async (name) => {
    const file = wasm(name);
    for (const given of [new WebAssembly.Module(file), file, new Response(file)]) {
      expect(logitsOf(await loadModel(bytes, { wasm: given }))).toEqual(expected);
    }
    const url = new URL(`../wasm-build/${name}.wasm`, import.meta.url);
    expect(logitsOf(await loadOnNode(path, { wasm: url }))).toEqual(expected);
  });

  test.each<[LoadOptions, RegExp]>([
    [{ wasm: wasm("single"), kernels: "single" }, /kernels is "single", and wasm is given; give one of them/],
    [{ wasm: new Uint8Array(8) }, /wasm does not run here \(.*\); expected thunderbolt-lm\/single.wasm/],
    [{ wasm: new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)) }, /wasm does not run here/],
    [{ wasm: {} }, /not from \[object Object\]/],
    [{ kernels: "avx" }, /unknown kernels "avx"/],
    [{ workers: 0 }, /workers is 0; it must be a whole number from 1/],
  ])("and workers are checked: %#", async (options, message) => {
    await expect(loadModel(bytes, options)).rejects.toThrow(OptionError);
    await expect(loadModel(bytes, options)).rejects.toThrow(message);
  });
});
