// Bundles src/ into dist/: the library for Node and for everywhere else, the command, the workers of both; and beside
// them the kernels' modules, for hosts that must be given them.
import { copyFile, readFile, rm, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const { dependencies, optionalDependencies } = JSON.parse(await readFile("package.json", "utf8"));

await rm("dist", { recursive: true, force: true });
await build({
  entryPoints: {
    index: "src/index.ts",
    portable: "src/portable.ts",
    cli: "src/cli/main.ts",
    worker: "src/workers/piscina-worker.ts",
    "web-worker": "src/workers/web-worker.ts",
  },
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  external: Object.keys({ ...dependencies, ...optionalDependencies }),
});
for (const module of ["simd", "relaxed", "single"]) await copyFile(`wasm-build/${module}.wasm`, `dist/${module}.wasm`);
await copyFile("src/kernels-module.d.ts", "dist/kernels-module.d.ts");
await writeFile("dist/web-worker.d.ts", "export {};\n");

// what the bundles have taken in keeps its licence
const licences = await Promise.all(
  ["@huggingface/tokenizers/LICENSE", "assemblyscript/LICENSE", "assemblyscript/NOTICE"].map(
    async (file) => `${file}\n\n${await readFile(`node_modules/${file}`, "utf8")}`,
  ),
);
await writeFile("dist/licences.txt", licences.join("\n\n"));
