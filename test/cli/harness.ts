import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** The built command. */
export const cli = join(root, "dist", "cli.js");

/** What a command left behind. */
export interface Outcome {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Sends SIGINT when what it has printed matches, on stdout or on stderr. */
  readonly interruptAt?: RegExp;
  /** Sends SIGINT when this becomes true; it is asked every few milliseconds. */
  readonly interruptWhen?: () => boolean;
  /** What is sent instead of SIGINT. */
  readonly signal?: NodeJS.Signals;
  /** Stops reading stdout after its first chunk, as `| head -c 1` does. */
  readonly hangUp?: boolean;
}

/** Runs the built command. */
export function thunderbolt(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { THUNDERBOLT_KERNELS: _, ...env } = process.env;
  const child = spawn(process.execPath, [cli, ...args], {
    cwd: root,
    env: { ...env, ...options.env },
    // what hangs or trains on by mistake must not outlive its test
    timeout: 60_000,
    killSignal: "SIGKILL",
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  let interrupted = false;
  const interrupt = () => child.kill(options.signal ?? "SIGINT");
  const interruptIf = (printed: string) => {
    if (interrupted || !options.interruptAt?.test(printed)) return;
    interrupted = true;
    interrupt();
  };
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
    if (options.hangUp) child.stdout.destroy();
    interruptIf(stdout);
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
    interruptIf(stderr);
  });
  const timer = setInterval(() => {
    if (interrupted || !options.interruptWhen?.()) return;
    interrupted = true;
    interrupt();
  }, 10);
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearInterval(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
}

/** Runs a command that must work. */
export async function works(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const outcome = await thunderbolt(args, options);
  expect(outcome.code, `${args.join(" ")}\n${outcome.stderr}`).toBe(0);
  return outcome;
}

/** Runs a command with --json and gives the one object that it must print. */
export async function json(args: readonly string[], options: RunOptions = {}): Promise<Record<string, unknown>> {
  const { stdout } = await works([...args, "--json"], options);
  expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  const value: unknown = JSON.parse(stdout);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`no object: ${stdout}`);
  return { ...value };
}

/** A folder that is removed after the tests of a file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "thunderbolt-cli-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Paths of a text and a configuration with which a run takes well below a second. */
export interface SmallInputs {
  readonly text: string;
  readonly heldOut: string;
  readonly config: string;
  /** Arguments of `train` but for --out and --steps. */
  readonly train: readonly string[];
}

/** Writes a small text, another to score with, and the configuration of a very small model into a folder. */
export function smallInputs(folder: string): SmallInputs {
  const cut = (file: string, bytes: number) => {
    const all = readFileSync(join(root, "data", file), "utf8");
    return all.slice(0, all.lastIndexOf(" ", bytes));
  };
  const [text, heldOut, config] = ["text.txt", "held-out.txt", "config.json"].map((name) => join(folder, name));
  writeFileSync(text, cut("tinystories.txt", 40_000));
  writeFileSync(heldOut, cut("tinystories-held-out.txt", 4000));
  writeFileSync(config, JSON.stringify({ dModel: 16, nHeads: 2, nLayers: 2, dFfn: 32 }));
  const small = ["--config", config, "--vocab", "300", "--seq-len", "16", "--batch", "4", "--workers", "1"];
  return { text, heldOut, config, train: ["train", text, ...small] };
}

/** Writes a file into a folder that may not exist yet, and gives its path. */
export function put(folder: string, name: string, content: string | Uint8Array): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** The SHA-256 of a file, in hex. */
export function sha256(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** Every file under a folder with the hash of its bytes and when it was written: equal before and after, nothing was. */
export function snapshot(folder: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" }).sort()) {
    const path = join(folder, name);
    const stat = statSync(path);
    files[name] = stat.isDirectory() ? "folder" : `${sha256(path)} ${stat.mtimeMs}`;
  }
  return files;
}

/** A refusal as all commands give it: exit 2, nothing on stdout, and one line on stderr that names the culprit. */
export function expectRefusal({ code, stdout, stderr }: Outcome, culprit: string | RegExp): void {
  expect(stderr).toMatch(/^[^\n]+\n$/);
  expect(stderr).toMatch(culprit);
  expect(stderr, "a message, not a failure").not.toMatch(/failed|\bat .*\.js:|undefined|\[object/);
  expect(stdout).toBe("");
  expect(code).toBe(2);
}

/** Every case of a table, a few at a time, is refused; afterwards the folder is as it was, byte for byte. */
export async function refuse(
  folder: string,
  cases: readonly (readonly [args: readonly string[], culprit: string | RegExp])[],
  options: RunOptions = {},
): Promise<void> {
  const before = snapshot(folder);
  for (let i = 0; i < cases.length; i += 3) {
    await Promise.all(
      cases.slice(i, i + 3).map(async ([args, culprit]) => {
        const outcome = await thunderbolt(args, options);
        try {
          expectRefusal(outcome, culprit);
        } catch (error) {
          throw new Error(`thunderbolt ${args.join(" ")}\n${outcome.stderr}`, { cause: error });
        }
      }),
    );
  }
  expect(snapshot(folder)).toEqual(before);
}

/** The lines of a run's metrics.jsonl. */
export function metrics(run: string): Record<string, unknown>[] {
  const lines = readFileSync(join(run, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

/** What a run's result and metrics say but for seconds and what follows from them, on which nothing may depend. */
export function timeless({
  seconds: _,
  tokensPerSecond: __,
  ...rest
}: Record<string, unknown>): Record<string, unknown> {
  return rest;
}
