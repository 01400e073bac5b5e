/**
 * Is one commit faster than another? Builds both in temporary work trees and runs `thunderbolt bench` in turn:
 *
 *   node bench/commits.mjs [OLD] [NEW] [--preset v5] [--workers 1] [--rounds 5] [--seconds 1]
 *
 * OLD is HEAD~1 and NEW is HEAD by default; `.` stands for the work tree as it is, which must be built. Prints the
 * median of each figure and NEW / OLD; a difference of some per cent is noise unless many rounds repeat it.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    preset: { type: "string", default: "v5" },
    workers: { type: "string", default: "1" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "1" },
  },
});
const commits = [positionals[0] ?? "HEAD~1", positionals[1] ?? "HEAD"];
const root = fileURLToPath(new URL("..", import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), "thunderbolt-commits-"));
const trees = [];

/** A built copy of a commit. */
function build(commit, name) {
  if (commit === ".") return root;
  const tree = join(temporary, name);
  execFileSync("git", ["worktree", "add", "--detach", tree, commit], { cwd: root, stdio: "ignore" });
  trees.push(tree);
  // installing builds
  execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: tree, stdio: "ignore" });
  return tree;
}

/** Every figure of the bench by its name. */
function measure(tree) {
  const options = ["--preset", values.preset, "--workers", values.workers, "--seconds", values.seconds];
  const command = [join(tree, "dist/cli.js"), "bench", ...options, "--json"];
  const output = execFileSync(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
  const { kernels, ...speeds } = JSON.parse(output.toString());
  const named = Object.entries(speeds).filter(([, figure]) => figure?.tokensPerSecond !== undefined);
  return { ...kernels, ...Object.fromEntries(named.map(([name, { tokensPerSecond }]) => [name, tokensPerSecond])) };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

try {
  const built = commits.map((commit, i) => build(commit, ["old", "new"][i]));
  const seen = [{}, {}];
  for (let round = 0; round < Number(values.rounds); round++) {
    // in turn, and each one first in every other round
    for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) {
      for (const [name, speed] of Object.entries(measure(built[i]))) {
        seen[i][name] = [...(seen[i][name] ?? []), speed];
      }
    }
  }
  const names = Object.keys(seen[0]).filter((name) => name in seen[1]);
  console.log(`| ${values.preset} | ${commits.join(" | ")} | ratio |\n|---|---|---|---|`);
  for (const name of names) {
    const [before, after] = seen.map((one) => median(one[name]));
    const shown = [before, after].map((speed) => (speed < 1000 ? speed.toFixed(1) : Math.round(speed)));
    console.log(`| ${name} | ${shown.join(" | ")} | ${(after / before).toFixed(3)} |`);
  }
} finally {
  for (const tree of trees) execFileSync("git", ["worktree", "remove", "--force", tree], { cwd: root });
  rmSync(temporary, { recursive: true, force: true });
}
