import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { build as viteBuild } from "vite";
import { beforeAll, describe, expect, type TestContext, test } from "vitest";
import { temporaryFolder } from "../cli/harness.ts";
import { install, putModel, root } from "./install.ts";

const folder = temporaryFolder();
let expected: unknown;

beforeAll(async () => {
  install(folder);
  await putModel(folder);
  expected = JSON.parse(execFileSync(process.execPath, ["results-node.mjs", "1"], { cwd: folder, encoding: "utf8" }));
});

/** What a folder's page posts in Chromium, and the paths that it asks for; the test is skipped where there is none. */
function open(site: string, isolated: boolean, { skip }: TestContext): { answer: unknown; asked: string[] } {
  const program = join(root, "test", "runtimes", "chromium.mjs");
  const args = isolated ? [program, site, "isolated"] : [program, site];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status === 9) {
    console.warn(`skipped: ${stderr}`);
    skip(stderr);
  }
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout);
}

/** A new folder for a page that runs a script, beside the model and the text. */
function site(name: string, script: string, head = ""): string {
  const path = join(folder, name);
  mkdirSync(path);
  writeFileSync(join(path, "index.html"), `<!doctype html>${head}<script type="module" src="${script}"></script>`);
  for (const file of ["model.thunderbolt", "text.txt"]) copyFileSync(join(folder, file), join(path, file));
  return path;
}

/** The worker's script is asked for by each of three workers, and by none where memory may not be shared. */
function expectResults({ answer, asked }: { answer: unknown; asked: string[] }, isolated: boolean): void {
  expect(answer).toEqual({ isolated, results: [expected, expected] });
  expect(asked.filter((path) => path.includes("web-worker"))).toHaveLength(isolated ? 3 : 0);
}

describe("a page has the results of Node", () => {
  test("without a bundler", (context) => {
    const map = { imports: { "thunderbolt-lm": "./node_modules/thunderbolt-lm/dist/portable.js" } };
    const head = `<script type="importmap">${JSON.stringify(map)}</script>`;
    writeFileSync(
      join(folder, "index.html"),
      `<!doctype html>${head}<script type="module" src="results-page.mjs"></script>`,
    );
    expectResults(open(folder, true, context), true);
  });

  test("bundled by esbuild, where memory may not be shared", async (context) => {
    const path = site("esbuild", "page.js");
    const { warnings } = await build({
      absWorkingDir: folder,
      entryPoints: { page: "results-page.mjs", "web-worker": "thunderbolt-lm/web-worker.js" },
      outdir: path,
      bundle: true,
      splitting: true,
      format: "esm",
      logLevel: "silent",
    });
    expect(warnings).toEqual([]);
    expectResults(open(path, false, context), false);
  });

  test("bundled by Vite", async (context) => {
    const path = join(folder, "vite-built");
    await viteBuild({
      root: site("vite", "../results-page.mjs"),
      configFile: false,
      logLevel: "silent",
      build: { outDir: path },
    });
    for (const file of ["model.thunderbolt", "text.txt"]) copyFileSync(join(folder, file), join(path, file));
    expectResults(open(path, true, context), true);
  });
});

test("Web Workers train as the page alone does, and what goes wrong in one is a WorkerError", async (context) => {
  const path = site("crew", "page.js");
  await build({
    entryPoints: {
      page: join(root, "test", "package", "crew-page.ts"),
      "web-worker": join(root, "src", "workers", "web-worker.ts"),
    },
    outdir: path,
    bundle: true,
    format: "esm",
    logLevel: "silent",
  });
  const { answer } = open(path, true, context);
  expect(answer).toEqual({
    same: true,
    losses: 3,
    trap: expect.stringMatching(/^WorkerError WORKER_DIED a worker failed in the middle of its work: ./),
    after: expect.stringMatching(/^WorkerError WORKER_DIED /),
    missing: expect.stringMatching(/^WorkerError WORKER_DIED .*its script web-worker.js could not be loaded$/),
    closed: expect.stringMatching(/^WorkerError WORKER_DIED .*it was ended$/),
  });
});
