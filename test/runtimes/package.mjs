// Packs the built package, installs it with npm into an empty folder, and asks every runtime for the same results:
//   node test/runtimes/package.mjs
// Node 20, 22 and 24, Deno, Bun and workerd come from npm; Chromium is used where it is installed (chromium.mjs).
// Needs a built dist/ (npm run build).
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build as bundle } from "esbuild";
import { build as viteBuild } from "vite";
import { findChromium, runPage } from "./chromium.mjs";
import { installRuntimes } from "./runtimes.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { folder: runtimesFolder, runtimes } = installRuntimes(["workerd"]);
const folder = mkdtempSync(join(tmpdir(), "thunderbolt-package-"));
const run = (command, args, options) =>
  execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], ...options });

// a model, and the programs that say what the package makes of it
const thunderbolt = (...args) => run(process.execPath, ["dist/cli.js", ...args], { cwd: root, stdio: "ignore" });
const heldOut = join(root, "data/tinystories-held-out.txt");
thunderbolt(
  "train",
  "data/tinystories.txt",
  "--val",
  heldOut,
  "--steps",
  "30",
  "--batch",
  "3",
  "--out",
  join(folder, "run"),
);
thunderbolt("pack", join(folder, "run"), "--output", join(folder, "model.thunderbolt"));
writeFileSync(join(folder, "text.txt"), readFileSync(heldOut, "utf8").slice(0, 20_000));
for (const program of ["results.mjs", "results-node.mjs", "results-page.mjs", "results-edge.mjs"]) {
  copyFileSync(fileURLToPath(new URL(program, import.meta.url)), join(folder, program));
}

const [{ filename }] = JSON.parse(
  run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], { cwd: root }),
);
writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
run("npm", ["install", join(folder, filename)]);

let expected;
let different = 0;

for (const [name, [command, ...before]] of Object.entries(runtimes)) {
  for (const way of [["1"], ["3"], ["3", "simd"], ["1", "single"]]) {
    const result = run(command, [...before, "results-node.mjs", ...way]);
    compare(`${name}, ${way[0]} workers, kernels ${way[1] ?? "by default"}`, JSON.parse(result));
  }
}

compare("workerd", await askWorkerd(join(runtimesFolder, "node_modules/@cloudflare/workerd-linux-64/bin/workerd")));

const chromium = findChromium();
if (chromium) {
  for (const [bundler, build] of Object.entries({ esbuild: withEsbuild, Vite: withVite })) {
    const site = join(folder, bundler);
    await build(site);
    for (const file of ["model.thunderbolt", "text.txt"]) copyFileSync(join(folder, file), join(site, file));
    for (const isolated of [false, true]) {
      const { answer } = await runPage(chromium, site, isolated);
      answer.results.forEach((result, i) => {
        compare(`Chromium, ${bundler}, ${isolated ? "isolated" : "not isolated"}, ${[1, 3][i]} workers`, result);
      });
    }
  }
} else {
  console.log("not here  Chromium");
}
rmSync(folder, { recursive: true });
console.log(different === 0 ? "all the same" : `${different} differ`);
process.exitCode = different === 0 ? 0 : 1;

/** Compares results with the first ones. */
function compare(where, result) {
  const found = JSON.stringify(result);
  expected ??= found;
  if (found !== expected) different++;
  console.log(`${found === expected ? "same" : "DIFFERENT"}  ${where}  ${result.logits?.slice(0, 16)}`);
}

async function withEsbuild(site) {
  const entryPoints = { page: "results-page.mjs", "web-worker": "thunderbolt-lm/web-worker.js" };
  const options = { bundle: true, splitting: true, format: "esm", outdir: site };
  await bundle({ absWorkingDir: folder, entryPoints, ...options });
  writeFileSync(join(site, "index.html"), '<!doctype html><script type="module" src="page.js"></script>');
}

async function withVite(site) {
  writeFileSync(join(folder, "index.html"), '<!doctype html><script type="module" src="results-page.mjs"></script>');
  await viteBuild({ root: folder, configFile: false, logLevel: "silent", build: { outDir: site } });
}

/** What workerd answers with a bundle for it, in which the model, the text and the kernels are modules of their own. */
async function askWorkerd(workerd) {
  await bundle({
    absWorkingDir: folder,
    entryPoints: ["results-edge.mjs"],
    outfile: join(folder, "edge.mjs"),
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    external: ["*.wasm", "*.thunderbolt", "*.txt"],
  });
  const port = 8791;
  writeFileSync(
    join(folder, "workerd.capnp"),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "localhost:${port}", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [
    (name = "edge.mjs", esModule = embed "edge.mjs"),
    (name = "thunderbolt-lm/single.wasm", wasm = embed "node_modules/thunderbolt-lm/dist/single.wasm"),
    (name = "./model.thunderbolt", data = embed "model.thunderbolt"),
    (name = "./text.txt", text = embed "text.txt"),
  ],
  compatibilityDate = "2025-01-01",
);
`,
  );
  const server = spawn(workerd, ["serve", "workerd.capnp"], { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
  try {
    for (let i = 0; i < 50; i++) {
      await wait(200);
      const response = await fetch(`http://localhost:${port}`).catch(() => undefined);
      if (response) return await response.json();
    }
    throw new Error("workerd does not answer");
  } finally {
    server.kill();
  }
}
