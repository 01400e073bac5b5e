// Packs the built package, installs it with npm into an empty folder, and asks every runtime for the same results, and
// for those of examples/:
//   node test/runtimes/package.mjs
// Node 20, 22 and 24, Deno, Bun and workerd come from npm; Chromium is used where it is installed (chromium.mjs).
// Needs a built dist/ (npm run build).
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build as bundle } from "esbuild";
import { build as viteBuild } from "vite";
import { findChromium, runPage } from "./chromium.mjs";
import { asked, askServer, withServer } from "./example-servers.mjs";
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

const workerd = join(runtimesFolder, "node_modules/@cloudflare/workerd-linux-64/bin/workerd");
const edgeModules = [
  '(name = "./model.thunderbolt", data = embed "model.thunderbolt")',
  '(name = "./text.txt", text = embed "text.txt")',
];
await withWorkerd("results-edge.mjs", edgeModules, async (url) => compare("workerd", await (await fetch(url)).json()));
await runExamples();

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
  say(found === expected, `${where}  ${result.logits?.slice(0, 16)}`);
}

function say(same, where) {
  if (!same) different++;
  console.log(`${same ? "same" : "DIFFERENT"}  ${where}`);
}

/** What the examples say, beside what the package says here. */
async function runExamples() {
  const examples = join(folder, "examples");
  cpSync(join(root, "examples"), examples, { recursive: true });
  const { loadModel } = await import(pathToFileURL(join(folder, "node_modules/thunderbolt-lm/dist/index.js")).href);
  const model = await loadModel(join(folder, "model.thunderbolt"));
  const told = async (prompt, options) => {
    let text = "";
    for await (const piece of model.generate(prompt, options)) text += piece.text;
    return text;
  };

  const story = await told("Once upon a time", { maxTokens: 200, temperature: 0.8, seed: 7 });
  for (const [name, command] of Object.entries(runtimes)) {
    const [program, ...before] = command;
    const said = run(program, [...before, "node.mjs", "../model.thunderbolt"], { cwd: examples });
    say(said.startsWith(`Once upon a time${story}\n`), `examples/node.mjs, ${name}`);
  }

  const completion = await told("The dog", { maxTokens: 40, seed: 3 });
  const servers = [
    ["Node 24", "hono/server.mjs", "/story", "/llm"],
    ["Deno", "deno.ts", "/", ""],
    ["Bun", "bun.ts", "/", ""],
  ];
  for (const [name, file, storyPath, appPath] of servers) {
    await withServer([...runtimes[name], file, "../model.thunderbolt"], examples, async (url) => {
      const answer = await askServer(url, storyPath, appPath);
      const same = answer.completion.choices[0].text === completion && answer.story.startsWith("Once upon a time");
      say(same, `examples/${file}, ${name}`);
    });
  }

  const story5 = `The dog${await told("The dog", { maxTokens: 200, seed: 5 })}`;
  const modules = ['(name = "./tinystories.thunderbolt", data = embed "model.thunderbolt")'];
  await withWorkerd("examples/edge/worker.js", modules, async (url) => {
    const stories = [1, 2, 3].map(async () => (await fetch(`${url}/?prompt=The+dog&seed=5`)).text());
    const completions = [1, 2, 3].map(async () => {
      const response = await fetch(`${url}/v1/completions`, { method: "POST", body: JSON.stringify(asked) });
      return (await response.json()).choices[0].text;
    });
    const same =
      (await Promise.all(stories)).every((text) => text === story5) &&
      (await Promise.all(completions)).every((text) => text === completion);
    say(same, "examples/edge, workerd");
  });
  model.dispose();
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

/**
 * Runs workerd with a bundle for it, in which the kernels and other modules are not, until `use` is done with it.
 *
 * @param use gets its address once it answers.
 */
async function withWorkerd(entry, modules, use) {
  await bundle({
    absWorkingDir: folder,
    entryPoints: [entry],
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
    ${modules.join(",\n    ")},
  ],
  compatibilityDate = "2025-01-01",
);
`,
  );
  const server = spawn(workerd, ["serve", "workerd.capnp"], { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
  const ended = new Promise((resolve) => server.once("exit", resolve));
  try {
    const url = `http://localhost:${port}`;
    for (let i = 0; !(await fetch(url, { method: "HEAD" }).catch(() => undefined)); i++) {
      if (i === 50) throw new Error("workerd does not answer");
      await wait(200);
    }
    await use(url);
  } finally {
    server.kill("SIGKILL");
    await ended;
  }
}
