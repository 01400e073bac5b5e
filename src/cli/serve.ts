import { availableParallelism } from "node:os";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { OptionError, WorkerError } from "../engine/errors.ts";
import { wholeNumber } from "../engine/whole-number.ts";
import { type ModelBytes, modelOf, readModelBytes } from "../run/open-model.ts";
import { MODEL_PATH, type ServedFile } from "../serve/files.ts";
import { type Limits, parseLimits } from "../serve/limits.ts";
import { packedModel } from "../serve/node/packed-model.ts";
import { readFiles, servedFile } from "../serve/node/read-files.ts";
import { interruptSignal } from "./interrupt.ts";
import { kernelsAsked, kernelsOption, number } from "./options.ts";
import { printResult } from "./output.ts";
import { shippedModel } from "./shipped-model.ts";

interface Flags extends Partial<Limits> {
  readonly host: string;
  readonly port: number;
  readonly token?: string;
  readonly name?: string;
  readonly cors?: string;
  readonly page: boolean;
  readonly workers?: number;
  readonly kernels?: string;
  readonly json?: boolean;
}

/** Threads, unless more are asked for. */
const MOST_WORKERS = 4;

/** Seconds that requests have to end when the server is to stop. */
const GRACE = 5;

/** `thunderbolt serve` */
export function serveCommand(): Command {
  return new Command("serve")
    .description("Serve a model over HTTP: OpenAI's completions, and a web page.")
    .argument("[model]", "a run folder or a model file (default: the model that ships)")
    .option("--port <p>", "0 takes any that is free", number, 8080)
    .option("--host <address>", "where to listen; 0.0.0.0 is everywhere", "127.0.0.1")
    .option("--token <t>", "what clients must send as a bearer token (env THUNDERBOLT_TOKEN)")
    .option("--name <name>", "what clients call the model (default: the file's name)")
    .option("--cors <origin>", "let pages of this origin use the server; * lets all")
    .option("--no-page", "serve neither the web page nor the model's file")
    .option("--sessions <n>", "texts that are written at a time (default 64)", number)
    .option("--queue <n>", "texts that may wait; for more clients are told to come again (default 256)", number)
    .option("--max-tokens <n>", "tokens of a text at most (default 4096)", number)
    .option("--max-prompt <n>", "tokens of a request's prompts at most (default 8192)", number)
    .option("--max-texts <n>", "texts of a request at most (default 32)", number)
    .option("--max-body <bytes>", "bytes of a request at most (default 1048576)", number)
    .option("--timeout <s>", "seconds for a request (default 300)", number)
    .option("--workers <w>", "threads that write texts (default: all cores, at most 4)", number)
    .option(...kernelsOption)
    .option("--json", "print where the server listens as one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  $ thunderbolt serve
  $ thunderbolt serve runs/a --port 9000
  $ curl http://127.0.0.1:8080/v1/completions -d '{"prompt": "The dog", "max_tokens": 50, "seed": 3}'`,
    )
    .action(async (given: string | undefined, flags: Flags) => {
      const path = given ?? shippedModel();
      const { host, name = nameOf(path), cors, page, json } = flags;
      const port = wholeNumber("port", flags.port, 0, 65_535);
      const limits = parseLimits(flags);
      const token = checkToken(flags.token ?? (process.env.THUNDERBOLT_TOKEN || undefined));
      const kernels = kernelsAsked(flags.kernels);
      const workers = flags.workers ?? Math.min(MOST_WORKERS, availableParallelism());
      const read = await readModelBytes(path);
      using model = modelOf(read, { kernels, workers });
      // other commands start without an HTTP server
      const [{ createApp }, { listen }] = await Promise.all([
        import("../serve/app.ts"),
        import("../serve/node/listen.ts"),
      ]);
      const files = page ? filesOf(read, kernels) : new Map();
      const loopback = isLoopback(host);
      const stopping = new AbortController();
      const broken = new AbortController();
      const app = createApp(model, {
        name,
        limits,
        files,
        stopping: stopping.signal,
        onFault: (error) => {
          // what a thread left half done cannot be trusted: whoever watches over the server starts another
          if (error instanceof WorkerError) broken.abort(error);
          else process.stderr.write(`thunderbolt: failed: ${error instanceof Error ? error.stack : error}\n`);
        },
        ...(token !== undefined && { token }),
        ...(cors !== undefined && { cors }),
        ...(loopback && token === undefined && { hosts: [...new Set(["localhost", "127.0.0.1", "[::1]", host])] }),
      });
      // a client that neither reads nor leaves goes when its request would have
      const server = await listen(app, host, port, { idleTimeout: (limits.timeout + GRACE) * 1000 });
      const interrupt = interruptSignal("stopping", ["SIGINT", "SIGTERM"]);
      if (!loopback && token === undefined) {
        process.stderr.write(`warning: whoever reaches ${server.url} can use it; --token asks for a token\n`);
      }
      const told = { url: server.url, model: name, page: files.has("/") };
      printResult(json, told, () => `serving ${read.file} as "${name}" at ${server.url}`);
      await Promise.race([aborted(interrupt), aborted(broken.signal)]);
      await server.close(broken.signal.aborted ? 0 : GRACE, () => stopping.abort());
      broken.signal.throwIfAborted();
      process.exitCode = interrupt.reason === "SIGINT" ? 130 : 0;
    });
}

/** The page, where it has been built, and the model for it. */
function filesOf(read: ModelBytes, kernels: string | undefined): Map<string, ServedFile> {
  const page = readFiles(fileURLToPath(new URL("web/", import.meta.url)));
  return new Map([...page, [MODEL_PATH, servedFile(packedModel(read, kernels))]]);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** runs/a is "a", stories.thunderbolt is "stories". */
function nameOf(path: string): string {
  return basename(resolve(path)).replace(/\.(safetensors|thunderbolt)$/, "");
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127\./.test(host);
}

/** @throws OptionError for a token that no header can carry. */
function checkToken(token: string | undefined): string | undefined {
  if (token !== undefined && !/^[A-Za-z0-9._~+/-]+=*$/.test(token)) {
    throw new OptionError("token is not of letters, digits and ._~+/- alone, with = at the end; no bearer token is");
  }
  return token;
}
