// Bundles src/ into dist/: the library for Node and for everywhere else, the command, the workers of both; and beside
// them the kernels' modules, for hosts that must be given them.
import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
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

await rm("dist", { recursive: true, force: true });
// What the workers share with the rest is written twice: a module is split where sets of entry points differ, and
// reading nineteen files for an import takes Node a third longer than reading twelve (bench/start-up.mjs).
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
    // an eighth of the package; names stay, so a stack still says where
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 120,
    external: Object.keys({ ...dependencies, ...optionalDependencies }),
    plugins: [listingOnly, reportAssets],
  });
}
for (const module of ["simd", "relaxed", "single"]) await copyFile(`wasm-build/${module}.wasm`, `dist/${module}.wasm`);
await copyFile("src/kernels-module.d.ts", "dist/kernels-module.d.ts");
await writeFile("dist/web-worker.d.ts", "export {};\n");
