import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { trainText } from "../../src/index.ts";
import { trainVocabulary } from "../../src/tokenizer/train-vocabulary.ts";
import { HubServer } from "../hub-server.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const { shapeJson } = await import(new URL("shorten.mjs", import.meta.url).href);

const separator = "<|endoftext|>\n";
const stories = readFileSync(join(root, "data/tinystories.txt"), "utf8")
  .slice(0, 150_000)
  .split(separator)
  .slice(0, -1);
const heldOut = readFileSync(join(root, "data/tinystories-held-out.txt"), "utf8").split(separator).slice(0, 4);

/** What the documents take as given beside their folders: a hub for `fetch`, and a model that ships. */
export interface Surroundings {
  readonly hubs: Readonly<Record<string, HubServer>>;
  readonly model: Uint8Array;
}

export async function startSurroundings(): Promise<Surroundings> {
  const tinystories = await HubServer.start("datasets/roneneldan/TinyStories");
  tinystories.serve({
    "TinyStoriesV2-GPT4-train.txt": stories.join(separator),
    "TinyStoriesV2-GPT4-valid.txt": heldOut.join(separator),
  });
  const release = await HubServer.start("models/changcheng967/flashlm-v5-thunderbolt");
  release.serve({
    "best.pt": readFileSync(join(root, "test/fixtures/checkpoints/bare.pt")),
    "tokenizer.json": await trainVocabulary(["Once"], 260),
  });
  const { file } = await trainText({
    text: stories.join(separator),
    config: { ...JSON.parse(shapeJson), vocabSize: 300 },
    kernels: "single",
    steps: 4,
  });
  return { hubs: { tinystories, "flashlm-v5": release }, model: file };
}

/** The folder in which a document's blocks run: its texts, the installed package, and commands of its own. */
export class Workshop {
  readonly folder: string;
  readonly port: number;
  readonly #env: NodeJS.ProcessEnv;
  #servers: ChildProcess[] = [];

  private constructor(folder: string, port: number, env: NodeJS.ProcessEnv) {
    this.folder = folder;
    this.port = port;
    this.#env = env;
  }

  static async open(folder: string, { hubs, model }: Surroundings): Promise<Workshop> {
    const put = (name: string, content: string | Uint8Array, mode = 0o644) => {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content, { mode });
    };
    put("stories.txt", stories.join(separator));
    put("held-out.txt", heldOut.join(separator));
    put("texts/one.txt", stories.slice(0, 90).join(separator));
    put(
      "more/two.jsonl.gz",
      gzipSync(
        stories
          .slice(20, 40)
          .map((text) => JSON.stringify({ text }))
          .join("\n"),
      ),
    );
    put("models/tinystories.thunderbolt", model);
    put("package.json", JSON.stringify({ type: "module" }));
    for (const name of ["openai", "vite"]) link(folder, name, join(root, "node_modules", name));
    link(folder, "thunderbolt-lm", root);
    const shim = fileURLToPath(new URL("thunderbolt.mjs", import.meta.url));
    put("bin/thunderbolt", `#!/bin/sh\nexec "${process.execPath}" "${shim}" "$@"\n`, 0o755);
    put("bin/npx", '#!/bin/sh\nexec "$@"\n', 0o755);
    put("bin/shape.json", shapeJson);
    const port = await freePort();
    const { THUNDERBOLT_KERNELS: _, ...env } = process.env;
    return new Workshop(folder, port, {
      ...env,
      PATH: [join(folder, "bin"), dirname(process.execPath), join(root, "node_modules/.bin"), env.PATH].join(delimiter),
      DOCUMENTS_SHAPE: join(folder, "bin/shape.json"),
      DOCUMENTS_PORT: String(port),
      DOCUMENTS_HUBS: JSON.stringify(Object.fromEntries(Object.entries(hubs).map(([name, hub]) => [name, hub.url]))),
    });
  }

  /** Runs a command of a shell and gives what it printed. @throws Error if it fails. */
  async run(command: string): Promise<string> {
    const { child, output } = this.#start(command);
    const code = await new Promise((resolve) => child.on("close", resolve));
    if (code !== 0) throw new Error(`${command}\nended with ${code}:\n${output()}`);
    return output();
  }

  /** Runs a command that serves, until {@link close}. */
  async serve(command: string): Promise<void> {
    const { child, output } = this.#start(`exec ${command}`);
    this.#servers.push(child);
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${this.port}/healthz`).catch(() => undefined);
      if (answer?.ok) return;
      if (child.exitCode !== null) throw new Error(`${command}\nended with ${child.exitCode}:\n${output()}`);
      await wait(50);
    }
  }

  /** Ends what serves, and waits for it. */
  async close(): Promise<void> {
    for (const server of this.#servers.splice(0)) {
      if (server.exitCode !== null) continue;
      server.kill("SIGTERM");
      await new Promise((resolve) => server.once("close", resolve));
    }
  }

  /** Whether a program is in the path. */
  has(program: string): boolean {
    return (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
  }

  #start(command: string): { readonly child: ChildProcess; output(): string } {
    const child = spawn("sh", ["-c", command], {
      cwd: this.folder,
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
      // what hangs must not outlive its test
      timeout: 500_000,
      killSignal: "SIGKILL",
    });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        printed += text;
      });
    }
    return { child, output: () => printed };
  }
}

function link(folder: string, name: string, target: string): void {
  mkdirSync(join(folder, "node_modules"), { recursive: true });
  symlinkSync(target, join(folder, "node_modules", name), "junction");
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
