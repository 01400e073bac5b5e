import { type ChildProcess, spawn } from "node:child_process";
import { cli } from "./harness.ts";

/** How a server ended, and what it said. */
export interface Served {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** Serves a model by the built command until `use` is done with what the command printed, and then sends it a signal. */
export async function servingModel(
  model: string,
  args: readonly string[],
  use: (line: string, child: ChildProcess) => Promise<void>,
  signal: NodeJS.Signals = "SIGTERM",
  env: Record<string, string> = {},
): Promise<Served> {
  const child = spawn(process.execPath, [cli, "serve", model, "--port", "0", ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  let stdout = "";
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  const closed = new Promise<number | null>((resolve) => child.on("close", resolve));
  const printed = new Promise<void>((resolve) => {
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
      if (stdout.includes("\n")) resolve();
    });
  });
  await Promise.race([printed, closed]);
  try {
    await use(stdout.trimEnd(), child);
  } finally {
    child.kill(signal);
  }
  return { code: await closed, stdout, stderr };
}
