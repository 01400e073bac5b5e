import { setFlagsFromString } from "node:v8";

const FLAG = "--experimental-wasm-revectorize";
/** The first V8 that has the flag. */
const FIRST_V8 = 12;

/** The process that is asked. */
export interface V8Process {
  readonly versions: Readonly<Record<string, string | undefined>>;
  readonly arch: string;
}

let asked = false;

/** Whether {@link revectorize} has switched V8's revectoriser on in this process. */
export function isRevectorized(): boolean {
  return asked;
}

/**
 * Lets V8 join pairs of 128-bit vector instructions to 256-bit ones where it finds them. Experimental in V8; it counts
 * for modules that are compiled afterwards, in every thread.
 *
 * @returns why it cannot be had here, in words that follow a colon; undefined if it is on.
 */
export function revectorize({ versions, arch }: V8Process = process): string | undefined {
  // Bun's and Deno's setFlagsFromString do nothing; V8 itself prints an error for a flag that it does not know
  if (versions.bun) return "Bun does not run on V8";
  if (versions.deno) return `Deno takes it as deno run --v8-flags=${FLAG}`;
  if (Number.parseInt(versions.v8 ?? "", 10) < FIRST_V8) return `Node ${versions.node} does not have it, Node 22 does`;
  if (arch !== "x64") return `V8 has it for x64 alone, and this is ${arch}`;
  setFlagsFromString(FLAG);
  asked = true;
  return undefined;
}
