// Bundles src/ into dist/: the library for Node and for everywhere else, the command, the workers of both; and beside
// them the kernels' modules, for hosts that must be given them.
import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { build } from "esbuild";
import { reportAssets } from "./esbuild.report.mjs";

const { dependencies, optionalDependencies } = JSON.parse(await readFile("package.json", "utf8"));

/**
 * Bundles the listing of files from @huggingface/hub, and nothing that it has for uploads: 10 kB, where an install would
 * take 12 MB.
 */
const listingOnly = {
  name: "listing-only",
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^\.\// }, ({ kind, importer }) =>
      kind === "dynamic-import" && importer.includes("@huggingface") ? { external: true } : undefined,
    );
    onResolve({ filter: /^@huggingface\/xetchunk-wasm$/ }, async ({ path, kind, resolveDir, pluginData }) => {
      if (pluginData === "resolved") return undefined;
      return { ...(await resolve(path, { kind, resolveDir, pluginData: "resolved" })), sideEffects: false };
    });
  },
};

/** What is loaded first or later, and the core that it stands on: of the library for everywhere, or of that for Node. */
const standOn = {
  portable: ["server", "serve/app", "train/train-text"],
  index: ["cli/main", "run/(train|prepare)", "fetch/(fetch|hub-listing)", "report/write-report", "serve/node/listen"],
};

/**
 * Lets each of these import the whole core. esbuild cuts a file for every set of modules that the same entries reach:
 * the core is then two files, which an import reads sooner than ten. (package.json says that the two cores have side
 * effects, or such an import would be dropped.)
 */
const coreInOne = {
  name: "core-in-one",
  setup({ onLoad }) {
    for (const [core, modules] of Object.entries(standOn)) {
      const address = JSON.stringify(resolve(`src/${core}.ts`));
      onLoad({ filter: new RegExp(`/src/(${modules.join("|")})\\.ts$`) }, async ({ path }) => ({
        loader: "ts",
        contents: `${await readFile(path, "utf8")}\nimport ${address};`,
      }));
    }
  },
};

await rm("dist", { recursive: true, force: true });
// The workers apart, with a copy of what they need: they would cut the core into more files.
for (const entryPoints of [
  { index: "src/index.ts", portable: "src/portable.ts", server: "src/server.ts", cli: "src/cli/main.ts" },
  {
    worker: "src/workers/piscina-worker.ts",
    "tokenizing-worker": "src/workers/piscina-tokenizing-worker.ts",
    "web-worker": "src/workers/web-worker.ts",
  },
]) {
  await build({
    entryPoints,
    outdir: "dist",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20",
    // 15 kB of the package; names stay, so a stack still says where
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 120,
    external: Object.keys({ ...dependencies, ...optionalDependencies }),
    plugins: [listingOnly, reportAssets, coreInOne],
  });
}
for (const module of ["simd", "relaxed", "single"]) await copyFile(`wasm-build/${module}.wasm`, `dist/${module}.wasm`);
await copyFile("src/kernels-module.d.ts", "dist/kernels-module.d.ts");
await writeFile("dist/web-worker.d.ts", "export {};\n");
