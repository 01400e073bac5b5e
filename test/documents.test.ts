/**
 * Every fenced block of the documents is run, or said not to be (documents/not-run.ts). The blocks of a document run in
 * order in one folder, so that a block may use what an earlier one made:
 *
 * - `sh`: line by line, with trainings made short (documents/shorten.mjs); `thunderbolt serve` stays until the end;
 * - `ts`, `js`: with the built package, by Node; with the word `page` in Chromium where there is one, and at least
 *   bundled; with `edge` bundled, and asked for an answer; types are checked in all;
 * - `html page`: opened in Chromium, where there is one;
 * - `json`: parsed;
 * - with a file's name: put there, for a later block that names it;
 * - without a language, or `text`: output, which is left alone.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { executablePath, launchChromium, noChromium } from "./chromium.ts";
import { type Block, blocksOf, commandsOf } from "./documents/blocks.ts";
import { notRun } from "./documents/not-run.ts";
import { atEnd, serveFolder, shownBy } from "./documents/pages.ts";
import { root, type Surroundings, startSurroundings, Workshop } from "./documents/workshop.ts";

const documents = ["README.md", "docs/how-it-works.md", "docs/training.md", "docs/embedding.md", "docs/faq.md"];
/** Documents of which the commands alone are looked at: whether they are listed. */
const listed = ["CONTRIBUTING.md"];

const { shortCode } = await import(new URL("documents/shorten.mjs", import.meta.url).href);
if (!executablePath) console.warn(`test/documents.test.ts opens no page: ${noChromium}`);

const folder = mkdtempSync(join(tmpdir(), "thunderbolt-documents-"));
let surroundings: Surroundings;
let browser: Browser | undefined;

beforeAll(async () => {
  surroundings = await startSurroundings();
  if (executablePath) browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await Promise.all(Object.values(surroundings.hubs).map((hub) => hub.stop()));
  rmSync(folder, { recursive: true, force: true });
});

// minutes where other work has the cores; the blocks take half a minute of two
describe.concurrent("every block runs:", { timeout: 600_000 }, () => {
  for (const document of documents) {
    test(document, async () => {
      const home = join(folder, document.replaceAll("/", "-"));
      mkdirSync(home);
      const workshop = await Workshop.open(home, surroundings);
      try {
        const blocks = blocksOf(root, document);
        await checkTypes(workshop, blocks);
        for (const [index, block] of blocks.entries()) {
          await runBlock(workshop, block, `block-${index}`, blocks.slice(index + 1)).catch((cause) => {
            throw new Error(`${block.place}: ${cause instanceof Error ? cause.message : cause}`, { cause });
          });
        }
      } finally {
        await workshop.close();
      }
    });
  }
});

test("what is not run is listed, and what is listed is there", () => {
  const commands = [...documents, ...listed].flatMap((document) =>
    blocksOf(root, document).flatMap((block) => (block.language === "sh" ? commandsOf(block) : [])),
  );
  for (const { command } of notRun) expect(commands).toContain(command);
  const others = listed.flatMap((document) => blocksOf(root, document));
  expect(others.filter(({ language }) => !["sh", ""].includes(language))).toEqual([]);
  const known = notRun.map(({ command }) => command);
  for (const block of others)
    if (block.language === "sh") expect(known).toEqual(expect.arrayContaining(commandsOf(block)));
});

test("links lead to files and headings that are there", () => {
  const read = (path: string) => readFileSync(join(root, path), "utf8");
  // as GitHub names headings
  const anchorsOf = (path: string) =>
    [...read(path).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    );
  for (const document of [...documents, ...listed, "docs/recipe.md"]) {
    for (const [, link] of read(document).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(link)) continue;
      const [file, anchor] = link.split("#");
      const path = file === "" ? document : join(dirname(document), file);
      expect(existsSync(join(root, path)), `${document}: ${link}`).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(path), `${document}: ${link}`).toContain(anchor);
    }
  }
});

test("the table of errors has every code", () => {
  const sources = ["engine/errors", "inference/model", "train/training", "run/train-options"];
  const text = sources.map((name) => readFileSync(join(root, `src/${name}.ts`), "utf8")).join("\n");
  const table = readFileSync(join(root, "docs/faq.md"), "utf8");
  const codes = [...text.matchAll(/(?:super|ThunderboltError)\(\s*"([A-Z_]+)"/g)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(12);
  for (const code of codes) expect(table).toContain(`\`${code}\``);
  for (const [, name] of text.matchAll(/export class (\w+Error) /g)) expect(table).toContain(`\`${name}\``);
});

/** @param later the blocks after it, one of which must use it if it has a file's name. */
async function runBlock(workshop: Workshop, block: Block, name: string, later: readonly Block[]): Promise<void> {
  const { language, file, host } = block;
  const code: string = shortCode(block.code, workshop.port);
  if (language === "json") JSON.parse(code);
  if (!["", "text", "sh", "ts", "js", "html", "json"].includes(language)) throw new Error(`nobody knows ${language}`);
  if (file !== undefined) {
    writeFileSync(join(workshop.folder, file), code);
    if (!later.some((other) => other.code.includes(file))) throw new Error(`no later block names ${file}`);
    return;
  }
  switch (`${language} ${host ?? ""}`.trim()) {
    case "":
    case "text":
    case "json":
      return;
    case "sh":
      for (const command of commandsOf(block)) await runCommand(workshop, shortCommand(command, workshop.port));
      return;
    case "ts":
    case "js":
      return runProgram(workshop, code, `${name}.${language}`);
    case "js page":
      return runPage(workshop, code, name);
    case "js edge":
      return runEdge(workshop, code, name);
    case "html page":
      return openPage(workshop, `${name}.html`, code.replace(/(?=<\/script>\s*$)/, atEnd));
    default:
      throw new Error(`nobody knows how to run ${language} ${host ?? ""}`);
  }
}

/** A shell's lines are changed in the address of the server alone; the rest is done in documents/thunderbolt.mjs. */
function shortCommand(command: string, port: number): string {
  return command.replaceAll("127.0.0.1:8080", `127.0.0.1:${port}`);
}

async function runCommand(workshop: Workshop, command: string): Promise<void> {
  const exempt = notRun.find((one) => one.command === command);
  if (exempt && !(exempt.unless && workshop.has(exempt.unless))) return;
  if (/\bthunderbolt serve\b/.test(command)) await workshop.serve(command);
  else await workshop.run(command.startsWith("curl ") ? `curl -fsS${command.slice(4)}` : command);
}

async function runProgram(workshop: Workshop, code: string, file: string): Promise<void> {
  writeFileSync(join(workshop.folder, file), code);
  await workshop.run(
    `esbuild ${file} --bundle --platform=node --target=node20 --format=esm --packages=external --outfile=${file}.mjs`,
  );
  await workshop.run(`node ${file}.mjs`);
}

async function runPage(workshop: Workshop, code: string, name: string): Promise<void> {
  writeFileSync(join(workshop.folder, `${name}.js`), code + atEnd);
  const workers = [...code.matchAll(/new URL\("\.\/([\w-]+)\.js"/g)].map(([, worker]) => worker);
  await build({
    absWorkingDir: workshop.folder,
    entryPoints: {
      page: `${name}.js`,
      "web-worker": "thunderbolt-lm/web-worker.js",
      ...Object.fromEntries(workers.map((worker) => [worker, `${worker}.js`])),
    },
    outdir: name,
    bundle: true,
    splitting: true,
    format: "esm",
    logLevel: "silent",
  });
  await openPage(workshop, `${name}/index.html`, '<!doctype html><body><script type="module" src="page.js"></script>');
}

async function openPage(workshop: Workshop, file: string, html: string): Promise<void> {
  writeFileSync(join(workshop.folder, file), html);
  if (!browser) return;
  const { url, server } = await serveFolder(workshop.folder);
  try {
    expect(await shownBy(browser, `${url}/${file}`)).not.toBe("");
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** Bundles a worker of the edge as such hosts do: WebAssembly comes compiled, and a model as bytes. */
async function runEdge(workshop: Workshop, code: string, name: string): Promise<void> {
  writeFileSync(join(workshop.folder, `${name}.js`), code);
  await build({
    absWorkingDir: workshop.folder,
    entryPoints: [`${name}.js`],
    outfile: `${name}.mjs`,
    bundle: true,
    format: "esm",
    target: "node20",
    conditions: ["workerd", "worker", "browser"],
    loader: { ".thunderbolt": "binary" },
    logLevel: "silent",
    plugins: [
      {
        name: "compiled",
        setup({ onLoad }) {
          onLoad({ filter: /\.wasm$/ }, ({ path }) => ({
            contents: `import { readFileSync } from "node:fs";
              export default new WebAssembly.Module(readFileSync(${JSON.stringify(path)}));`,
          }));
        },
      },
    ],
    external: ["node:fs"],
  });
  const { default: worker } = await import(pathToFileURL(join(workshop.folder, `${name}.mjs`)).href);
  const response: Response = await worker.fetch(new Request("http://edge/?prompt=The%20dog"));
  expect(response.status).toBe(200);
  expect(await response.text()).toMatch(/^The dog./);
}

/** Types of all programs of a document, as they stand there. */
async function checkTypes(workshop: Workshop, blocks: readonly Block[]): Promise<void> {
  const programs = blocks.filter(({ language }) => ["ts", "js"].includes(language));
  if (programs.length === 0) return;
  const home = join(workshop.folder, "types");
  mkdirSync(home);
  for (const [index, { code, language, place }] of programs.entries()) {
    const header = `// ${place}\n`;
    writeFileSync(join(home, `${index}.${language}`), `${header}${code}\nexport {};\n`);
  }
  writeFileSync(
    join(home, "modules.d.ts"),
    'declare module "*.thunderbolt" {\n  const bytes: Uint8Array;\n  export default bytes;\n}\n',
  );
  const compilerOptions = {
    target: "es2023",
    module: "esnext",
    moduleResolution: "bundler",
    lib: ["es2023", "esnext.disposable", "dom", "dom.iterable", "dom.asynciterable"],
    types: ["node"],
    typeRoots: [join(root, "node_modules/@types")],
    strict: true,
    // a program in JavaScript names no types
    noImplicitAny: false,
    checkJs: true,
    skipLibCheck: true,
    noEmit: true,
  };
  writeFileSync(join(home, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*"] }));
  await workshop.run("tsc -p types/tsconfig.json");
}
