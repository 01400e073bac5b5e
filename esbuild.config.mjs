// Bundles src/ into dist/: the library, the command, and the workers that the pools start.
import { rm } from "node:fs/promises";
import { build } from "esbuild";

await rm("dist", { recursive: true, force: true });
await build({
  entryPoints: {
    index: "src/index.ts",
    cli: "src/cli/main.ts",
    worker: "src/workers/piscina-worker.ts",
    "tokenizing-worker": "src/workers/piscina-tokenizing-worker.ts",
  },
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  sourcemap: true,
});
