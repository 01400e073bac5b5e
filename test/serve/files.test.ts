import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Model } from "../../src/inference/model.ts";
import { MODEL_PATH } from "../../src/serve/files.ts";
import { packedModel } from "../../src/serve/node/packed-model.ts";
import { readFiles, servedFile } from "../../src/serve/node/read-files.ts";
import { temporaryFolder } from "../cli/harness.ts";
import { collect, randomModelFile } from "../text-model.ts";
import { serve } from "./harness.ts";

const folder = temporaryFolder();
const web = join(folder, "web");
mkdirSync(join(web, "assets"), { recursive: true });
writeFileSync(join(folder, "secret.txt"), "secret");
writeFileSync(join(web, "index.html"), "<!doctype html><title>stories</title>");
writeFileSync(join(web, "assets", "kernels.wasm"), new Uint8Array([0, 0x61, 0x73, 0x6d]));
writeFileSync(join(web, "assets", "a b.js"), "export {};");

const bytes = randomModelFile({ activations: "int8" });
const model = Model.fromBytes(bytes);
const files = new Map([...readFiles(web), [MODEL_PATH, servedFile(packedModel({ file: "model", bytes }, undefined))]]);
const { url } = await serve(model, { files });

test.each([
  ["/", "text/html; charset=utf-8", "<!doctype html><title>stories</title>"],
  ["/index.html", "text/html; charset=utf-8", "<!doctype html><title>stories</title>"],
  ["/assets/kernels.wasm", "application/wasm", "\0asm"],
  ["/assets/a%20b.js", "text/javascript; charset=utf-8", "export {};"],
])("the page's %s has its type, isolates the page, and is not sent again", async (path, type, content) => {
  const response = await fetch(url + path);
  const header = (name: string) => response.headers.get(name);
  expect(response.status).toBe(200);
  expect(header("content-type")).toBe(type);
  expect(header("cross-origin-opener-policy")).toBe("same-origin");
  expect(header("cross-origin-embedder-policy")).toBe("require-corp");
  expect(header("cross-origin-resource-policy")).toBe("same-origin");
  expect(header("x-content-type-options")).toBe("nosniff");
  expect(await response.text()).toBe(content);
  const again = await fetch(url + path, { headers: { "if-none-match": `"other", ${header("etag")}` } });
  expect([again.status, await again.text()]).toEqual([304, ""]);
  const head = await fetch(url + path, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length")]).toEqual([200, String(Buffer.byteLength(content))]);
});

test("the model is there for the page, packed, and tells the same stories", async () => {
  const file = new Uint8Array(await (await fetch(url + MODEL_PATH)).arrayBuffer());
  expect(file.length).toBeLessThan(bytes.length);
  const packed = Model.fromBytes(file);
  expect(await collect(packed.generate("Once", { seed: 3 }))).toEqual(
    await collect(model.generate("Once", { seed: 3 })),
  );
  expect(packedModel({ file: "packed", bytes: file }, undefined)).toBe(file);
  const float32 = randomModelFile({ activations: "float32" });
  expect(packedModel({ file: "float32", bytes: float32 }, undefined)).toBe(float32);
});

test.each([
  "/../secret.txt",
  "/..%2fsecret.txt",
  "/%2e%2e/secret.txt",
  "/assets/..%5c..%5c..%5csecret.txt",
  "/assets",
  "/%ff",
  "//secret.txt",
])("nothing else is given out: %s", async (path) => {
  expect((await fetch(url + path)).status).toBe(404);
});

test("there need be no page", () => {
  expect(readFiles(join(folder, "nowhere")).size).toBe(0);
});
