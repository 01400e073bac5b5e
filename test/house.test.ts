// The rules of the house that a compiler does not know: what a room may know of, and how long a file may be.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const MOST_LINES = 400;

/** A source file: its room is the folder that it is in, below src/, or its own name where it is in none. */
interface Source {
  readonly path: string;
  readonly room: string;
  readonly lines: number;
  /** Rooms, files beside src/, and packages, but for what is in its own room. */
  readonly imports: readonly string[];
}

/** The rooms that run everywhere, and which others each may import. None knows Node. */
const core: Readonly<Record<string, readonly string[]>> = {
  engine: ["wasm-build"],
  tokenizer: ["engine"],
  formats: ["engine"],
  corpus: ["engine", "tokenizer"],
  inference: ["engine", "tokenizer", "formats", "corpus"],
  train: ["engine", "tokenizer", "formats", "corpus", "inference"],
  workers: ["engine", "tokenizer", "formats", "corpus", "inference", "train"],
  "portable.ts": ["engine", "tokenizer", "formats", "corpus", "inference", "train", "workers"],
};

/** What stands on everything else, and who alone may import it. */
const outer: Readonly<Record<string, readonly string[]>> = {
  cli: [],
  web: ["report"],
  report: ["cli"],
  serve: ["cli", "server.ts"],
  "server.ts": [],
  "index.ts": [],
};

/** What src/ takes in from npm, by room; the bundles for the web take it along. */
const packages: Readonly<Record<string, readonly string[]>> = {
  tokenizer: ["tinyqueue"],
};

function roomOf(path: string): string {
  const [first = "", ...rest] = relative("src", path).split("/");
  // beside src/: the folder; in it: the room, or a file of its own
  return first === ".." ? (rest[0] ?? "") : first;
}

function sourceAt(path: string): Source {
  const text = readFileSync(join(root, path), "utf8");
  const room = roomOf(path);
  const targets = [...text.matchAll(/(?:\bfrom|\bimport\(?)\s*"([^"]+)"/g)].map(([, target = ""]) =>
    target.startsWith(".") ? roomOf(join(dirname(path), target)) : target,
  );
  return { path, room, lines: text.split("\n").length - 1, imports: targets.filter((target) => target !== room) };
}

const sources = ["src", "assembly"]
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)),
  )
  .filter((path) => /\.(ts|css)$/.test(path))
  .map(sourceAt);

/** Imports that break a rule, as "file imports what". */
function broken(rule: (source: Source, imported: string) => boolean): string[] {
  return sources.flatMap((source) =>
    source.imports.filter((imported) => rule(source, imported)).map((imported) => `${source.path} imports ${imported}`),
  );
}

test("there are sources to judge, and imports in them", () => {
  expect(sources.length).toBeGreaterThan(150);
  expect(sources.flatMap(({ imports }) => imports).length).toBeGreaterThan(300);
});

test(`no file of src/ or assembly/ has more than ${MOST_LINES} lines`, () => {
  const long = sources.filter(({ lines }) => lines > MOST_LINES).map(({ path, lines }) => `${path}: ${lines}`);
  expect(long).toEqual([]);
});

describe("a room imports what is below it alone:", () => {
  test("the kernels nothing of the host", () => {
    expect(broken(({ room }) => room === "assembly")).toEqual([]);
  });

  test("the core only the core, and nothing of Node but for the crews of threads", () => {
    const crews = ({ path }: Source) => path.startsWith("src/workers/piscina-");
    const allowed = (source: Source, imported: string) =>
      core[source.room].includes(imported) ||
      packages[source.room]?.includes(imported) ||
      (crews(source) && ["piscina", "node:events"].includes(imported));
    expect(broken((source, imported) => source.room in core && !allowed(source, imported))).toEqual([]);
  });

  test("nobody the command, the page, the server or the package itself", () => {
    expect(broken(({ room }, imported) => imported in outer && !outer[imported].includes(room))).toEqual([]);
  });

  test("the page nothing of Node", () => {
    const known = (imported: string) => imported in core || /^uplot(\/|$)/.test(imported);
    expect(broken(({ room }, imported) => room === "web" && !known(imported))).toEqual([]);
  });

  test("the server nothing of Node outside of serve/node", () => {
    const everywhere = ({ path, room }: Source) => room === "serve" && !path.startsWith("src/serve/node/");
    const known = (imported: string) => imported in core || /^hono(\/|$)/.test(imported);
    expect(broken((source, imported) => everywhere(source) && !known(imported))).toEqual([]);
  });
});
