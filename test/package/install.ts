import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { smallInputs, works } from "../cli/harness.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** A folder with the built package in its node_modules, as a user has it. */
export interface Installed {
  readonly folder: string;
  readonly tarball: string;
  /** Of the package as it is packed, without the models that may be in it. */
  readonly bytes: number;
  /** The package's files, and how large each is. */
  readonly files: Readonly<Record<string, number>>;
  readonly manifest: Record<string, Record<string, string> | undefined>;
}

/** Packs the built package and unpacks it where npm would, without the network: its dependencies are those here. */
export function install(folder: string): Installed {
  const [{ filename, files }] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], { cwd: root }).toString(),
  );
  const tarball = join(folder, filename);
  const modules = join(folder, "node_modules");
  const home = join(modules, "thunderbolt-lm");
  mkdirSync(home, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "-C", home, "--strip-components", "1"]);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const manifest = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
  for (const name of Object.keys(manifest.dependencies)) link(folder, name);
  return {
    folder,
    tarball,
    bytes: gzipSync(
      execFileSync("tar", ["-c", "--exclude", "models", "-C", modules, "thunderbolt-lm"], { maxBuffer: 2 ** 26 }),
      { level: 9 },
    ).length,
    files: Object.fromEntries(files.map(({ path, size }: { path: string; size: number }) => [path, size])),
    manifest,
  };
}

/** Gives a folder one of the packages that are installed here. */
export function link(folder: string, name: string): void {
  const target = join(folder, "node_modules", name);
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(join(root, "node_modules", name), target, "junction");
}

/**
 * Puts a trained model into a folder, model.thunderbolt, a text to score, text.txt, and the programs of test/runtimes
 * that say what the package makes of them.
 */
export async function putModel(folder: string): Promise<void> {
  const inputs = smallInputs(folder);
  const run = join(folder, "run");
  await works([...inputs.train, "--out", run, "--steps", "40"]);
  await works(["pack", run, "--output", join(folder, "model.thunderbolt")]);
  copyFileSync(inputs.heldOut, join(folder, "text.txt"));
  for (const program of ["results.mjs", "results-node.mjs", "results-page.mjs"]) {
    copyFileSync(join(root, "test", "runtimes", program), join(folder, program));
  }
}
