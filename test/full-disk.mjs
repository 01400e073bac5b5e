// Trains on a disk that fills up, again and again, and then on one with room:
//   unshare --mount --map-root-user node test/full-disk.mjs DISK COPY CLI ARGUMENTS...
// DISK is an empty folder, over which a small disk is mounted that nobody else sees; COPY receives the run in the end.
// Of the command's ARGUMENTS, "@" is replaced by the run. Prints a line of JSON: how each run on the full disk ended,
// and the result of the last. Exits with 77 where a disk cannot be mounted.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [disk, copy, cli, ...args] = process.argv.slice(2);
try {
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], { stdio: "pipe" });
} catch (error) {
  console.error(error.message);
  process.exit(77);
}
const run = join(disk, "run");
const ballast = join(disk, "ballast");

function train() {
  const how = existsSync(join(run, "state.safetensors")) ? "--resume" : "--overwrite";
  const command = [cli, ...args.map((arg) => (arg === "@" ? run : arg)), how, "--json"];
  return spawnSync(process.execPath, command, { encoding: "utf8" });
}

const failures = [];
// room for less than a state, for a state alone, for state and model, and for steps of metrics beyond them
for (const room of [16, 120, 200, 330, 380, 420]) {
  rmSync(ballast, { force: true });
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(ballast, new Uint8Array(Math.max(0, bavail * bsize - room * 1024)));
  const { status, stderr } = train();
  if (status !== 0) failures.push({ room, code: status, stderr });
}
rmSync(ballast);
const { status, stdout, stderr } = train();
if (status !== 0) throw new Error(stderr);
cpSync(run, copy, { recursive: true });
console.log(JSON.stringify({ failures, result: JSON.parse(stdout) }));
