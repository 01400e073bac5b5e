// Bundles src/web/ into dist/web: the page, its engine, and the worker that keeps both for when there is no network.
import { createHash } from "node:crypto";
import { copyFile, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { buildUplot, uplotBeside } from "./esbuild.report.mjs";

const out = "dist/web";
/** Bytes of the stories that the page trains on; they end with a whole one. The package is to stay small. */
const SAMPLE = 100_000;
const SEPARATOR = "\n<|endoftext|>\n";

/** The kernels packed: 24 kB instead of 84. To unpack them takes a promise, which no library asks its users to wait for. */
const packedKernels = {
  name: "packed-kernels",
  setup({ onLoad }) {
    onLoad({ filter: /src\/engine\/embedded-module\.ts$/ }, async () => {
      const packed = gzipSync(await readFile("wasm-build/simd.wasm"), { level: 9 }).toString("base64");
      return {
        loader: "js",
        contents: `
          import { gunzipBase64 } from "../web/gunzip.ts";
          let simd;
          export const unpacked = gunzipBase64("${packed}").then((bytes) => { simd = bytes; });
          export const embeddedModule = () => simd.slice();`,
      };
    });
  },
};

const settings = { outdir: out, bundle: true, minify: true, target: ["chrome124", "firefox125", "safari17.5"] };

await rm(out, { recursive: true, force: true });
const plugins = [packedKernels, uplotBeside];
const { metafile } = await build({
  ...settings,
  metafile: true,
  entryPoints: { start: "src/web/start.ts", page: "src/web/page.ts", styles: "src/web/styles.css" },
  splitting: true,
  format: "esm",
  plugins,
});
// Each worker is one file, for each that it imports takes another turn of the browser before it can begin; and the
// engine's a script, for a module's thread is started only after that has come.
await build({ ...settings, entryPoints: ["src/workers/web-worker.ts"], format: "esm", plugins });
await build({
  ...settings,
  entryPoints: ["src/web/engine-worker.ts"],
  format: "iife",
  define: { "import.meta.url": "location.href" },
  plugins,
});
await buildUplot();
await build({ ...settings, entryPoints: ["src/web/theme.ts"], format: "iife" });
await copyFile("src/web/icon.svg", `${out}/icon.svg`);
// what the page's script imports is fetched along with it, and not after it
const imports = metafile.outputs[`${out}/page.js`].imports.filter(({ kind }) => kind === "import-statement");
const preloads = imports.map(({ path }) => `<link rel="modulepreload" href="${basename(path)}" />`).join("");
const html = await readFile("src/web/index.html", "utf8");
// before what holds the parser up
await writeFile(`${out}/index.html`, html.replace('<script src="theme.js">', `${preloads}$&`));

const files = (await readdir(out)).sort();
const hash = createHash("sha256");
for (const file of files) hash.update(file).update(await readFile(`${out}/${file}`));
await build({
  ...settings,
  entryPoints: ["src/web/service-worker.ts"],
  format: "iife",
  define: { FILES: JSON.stringify(["./", ...files]), BUILD: JSON.stringify(hash.digest("hex").slice(0, 12)) },
});

// what is not loaded with the page
await writeFile(`${out}/licences.txt`, await licences());
await writeFile(`${out}/stories.txt.gz`, gzipSync(await sampleStories(), { level: 9 }));

/** What the bundles have taken in keeps its licence: what the page has, and what dist/ has beside it. */
async function licences() {
  const files = [
    "@huggingface/hub/LICENSE",
    "assemblyscript/LICENSE",
    "assemblyscript/NOTICE",
    "tinyqueue/LICENSE",
    "uplot/LICENSE",
  ];
  const texts = await Promise.all(files.map((file) => readFile(`node_modules/${file}`, "utf8")));
  return texts.map((text, i) => `${files[i]}\n\n${text}`).join("\n\n");
}

async function sampleStories() {
  const file = await open("data/tinystories.txt");
  const { buffer } = await file.read({ buffer: Buffer.alloc(SAMPLE) });
  await file.close();
  return buffer.subarray(0, buffer.lastIndexOf(SEPARATOR) + SEPARATOR.length);
}
