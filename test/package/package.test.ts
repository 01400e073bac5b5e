import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder } from "../cli/harness.ts";
import { type Installed, install, link, putModel, root } from "./install.ts";

const folder = temporaryFolder();
let installed: Installed;

beforeAll(async () => {
  installed = install(folder);
  await putModel(folder);
});

/** A command of a package that is installed here. */
function check(command: string, ...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "node_modules", command), ...args], {
    cwd: folder,
    encoding: "utf8",
  });
  expect(status, stdout + stderr).toBe(0);
}

describe("the package", () => {
  test("is small, and holds what it should", () => {
    const { bytes, files } = installed;
    expect(bytes).toBeLessThanOrEqual(400_000);
    for (const [file, size] of Object.entries(files)) {
      expect(file).toMatch(
        /^(dist\/[\w/-]+\.(js|d\.ts|wasm|txt)|dist\/web\/[\w-]+\.(html|css|svg|txt\.gz)|models\/.*|package\.json|[A-Z]+(\.md)?)$/,
      );
      if (file.endsWith(".wasm")) expect(size).toBeLessThanOrEqual(80_000);
    }
  });

  test("runs nothing where it is installed, and needs nothing native", () => {
    const { files, manifest } = installed;
    for (const script of ["preinstall", "install", "postinstall"]) expect(manifest.scripts).not.toHaveProperty(script);
    // npm compiles a package that has a binding.gyp
    expect(Object.keys(files).filter((file) => /\.(node|gyp)$/.test(file))).toEqual([]);
  });

  test("passes publint and attw", () => {
    check("publint/src/cli.js", "run", installed.tarball, "--strict");
    check("@arethetypeswrong/cli/dist/index.js", installed.tarball, "--profile", "esm-only");
  });

  test("gives the same results with threads and without", () => {
    const results = (workers: number) =>
      execFileSync(process.execPath, ["results-node.mjs", String(workers)], { cwd: folder, encoding: "utf8" });
    const alone = results(1);
    expect(JSON.parse(alone)).toMatchObject({ texts: { length: 4 }, logits: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(results(3)).toBe(alone);
  });
});

describe("its types hold where libraries are checked too", () => {
  const program = `
import { loadModel, Session, type Model, type Piece, type LoadOptions, OptionError, prepare, train } from "thunderbolt-lm";
import { type AppOptions, createApp } from "thunderbolt-lm/server";
import wasm from "thunderbolt-lm/single.wasm";

const options: LoadOptions = { workers: 2, wasm, signal: AbortSignal.timeout(1000) };
const model: Model = await loadModel(new URL("model.thunderbolt", "https://example.org"), options);
for await (const piece of model.generate("Once", { maxTokens: 3 })) {
  const { text, finishReason }: Piece = piece;
  console.log(text, finishReason);
}
const session: Session = model.session();
session.append(model.tokenizer.encode("The dog"));
console.log(session.logits.length, session instanceof Session);
const served: AppOptions = { name: "stories", limits: { maxTokens: 100 } };
const answer: Response = await createApp(model, served).fetch(new Request("https://example.org/v1/models"));
console.log(answer.status);
model.dispose();

export async function run(data: string): Promise<string> {
  using other = await loadModel(new Uint8Array(8));
  console.log(other.config.vocabSize);
  await prepare({ texts: [data], out: "prepared" });
  const { sha256 } = await train({ data: "prepared", preset: "tiny", out: "run" });
  return sha256;
}

try {
  await run("text.txt");
} catch (error) {
  if (error instanceof OptionError) console.log(error.code);
}
`;

  beforeAll(() => {
    writeFileSync(join(folder, "program.ts"), program);
    for (const name of ["@types/node", "undici-types"]) link(folder, name);
  });

  test.each([
    ["of a page", ["--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022,dom", "--types", ""]],
    ["of Node, bundled", ["--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022", "--types", "node"]],
    ["of Node, node16", ["--module", "node16", "--lib", "es2022", "--types", "node"]],
    ["of Node, nodenext", ["--module", "nodenext", "--lib", "es2022", "--types", "node"]],
  ])("in the program %s", (_, options) => {
    const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "false"];
    check("typescript/bin/tsc", ...strict, "--target", "es2022", ...options, "program.ts");
  });
});
