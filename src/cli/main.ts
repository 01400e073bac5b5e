#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import packageJson from "../../package.json" with { type: "json" };
import { OptionError, ThunderboltError } from "../engine/errors.ts";
import { revectorize } from "../run/revectorize.ts";
import { auditCommand } from "./audit.ts";
import { benchCommand } from "./bench.ts";
import { evalCommand } from "./eval.ts";
import { exportCommand } from "./export.ts";
import { fetchCommand } from "./fetch.ts";
import { generateCommand } from "./generate.ts";
import { importCommand } from "./import.ts";
import { infoCommand } from "./info.ts";
import { packCommand } from "./pack.ts";
import { prepareCommand } from "./prepare.ts";
import { reportCommand } from "./report.ts";
import { serveCommand } from "./serve.ts";
import { trainCommand } from "./train.ts";

/** What the shell is told: bad use or input, a failure while working, an interrupt. */
const BAD_USE = 2;
const FAILED = 1;
const INTERRUPTED = 130;

const failures = new Set([
  "DIVERGED",
  "UNSUPPORTED_RUNTIME",
  "DISPOSED",
  "WORKER_DIED",
  "NOT_SAVED",
  "DOWNLOAD_FAILED",
]);

const program = new Command("thunderbolt")
  .description("Train and run FlashLM v5 Thunderbolt, a matmul-free ternary language model, on CPU.")
  .version(packageJson.version)
  .showSuggestionAfterError()
  .exitOverride()
  .addHelpText(
    "after",
    `
First steps:
  $ thunderbolt train stories.txt --out runs/a --minutes 10
  $ thunderbolt generate runs/a --prompt "Once upon a time"
  $ thunderbolt serve runs/a

Environment:
  THUNDERBOLT_KERNELS=<set>    simd, relaxed or single: what --kernels is without the flag
  THUNDERBOLT_TOKEN=<token>    the token that serve asks clients for: what --token is without the flag
  THUNDERBOLT_REVECTORIZE=1    experimental: lets V8 join 128-bit instructions to 256-bit ones (Node 22 or later, x64)`,
  )
  .configureOutput({ outputError: (text, write) => write(oneLine(`${text.trim()} ${helpHint()}`)) });

// before anything is compiled
if (process.env.THUNDERBOLT_REVECTORIZE === "1") {
  const obstacle = revectorize();
  if (obstacle !== undefined) process.stderr.write(`THUNDERBOLT_REVECTORIZE=1 is ignored: ${obstacle}\n`);
}

for (const command of [
  fetchCommand(),
  prepareCommand(),
  trainCommand(),
  reportCommand(),
  evalCommand(),
  generateCommand(),
  auditCommand(),
  infoCommand(),
  packCommand(),
  importCommand(),
  exportCommand(),
  serveCommand(),
  benchCommand(),
]) {
  program.addCommand(command.copyInheritedSettings(program));
}

// a reader that goes away (`| head`) is no error
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : FAILED));

try {
  // commander would print the whole help
  if (process.argv.length <= 2) program.error("error: no command is given");
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Says what went wrong, in one line, and gives the exit code for it. */
function report(error: unknown): number {
  // commander has printed its message, or the help that was asked for
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : BAD_USE;
  if (error instanceof ThunderboltError) {
    process.stderr.write(
      oneLine(`thunderbolt: ${error instanceof OptionError ? withFlag(error.message) : error.message}`),
    );
    if (error.code === "INTERRUPTED") return INTERRUPTED;
    return failures.has(error.code) ? FAILED : BAD_USE;
  }
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(oneLine(`thunderbolt: failed: ${message}`));
  if (process.env.DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return FAILED;
}

/** The library calls options by their names in TypeScript; here people know them by their flags. */
function withFlag(message: string): string {
  for (const { attributeName, long } of options()) {
    if (long && message.startsWith(`${attributeName} is `)) return long + message.slice(attributeName.length);
  }
  return message;
}

function options(): { attributeName: string; long: string | undefined }[] {
  const all = program.commands.flatMap((command) => command.options);
  return all.map((option) => ({ attributeName: option.attributeName(), long: option.long }));
}

/** Where to read on after bad use. */
function helpHint(): string {
  const name = program.commands.map((command) => command.name()).find((command) => command === process.argv[2]);
  return `(see thunderbolt ${name ? `${name} ` : ""}--help)`;
}

function oneLine(text: string): string {
  return `${text.trim().replace(/\s*\n\s*/g, " ")}\n`;
}
