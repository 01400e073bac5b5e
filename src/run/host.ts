import { arch, availableParallelism, cpus, platform, totalmem } from "node:os";

/** What a run works on. */
export interface Host {
  /** As the system names it. */
  readonly cpu: string;
  /** Threads that run at once. */
  readonly cores: number;
  /** Bytes. */
  readonly memory: number;
  /** For example "linux x64". */
  readonly platform: string;
  /** For example "Node 20.20.0". */
  readonly runtime: string;
}

/** This machine and this runtime. */
export function thisHost(): Host {
  return {
    cpu: cpus()[0]?.model.trim() || "unknown",
    cores: availableParallelism(),
    memory: totalmem(),
    platform: `${platform()} ${arch()}`,
    runtime: runtimeName(),
  };
}

/** This runtime and its version. */
export function runtimeName(): string {
  const { bun, deno } = process.versions;
  return bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node ${process.versions.node}`;
}
