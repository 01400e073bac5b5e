// Opens a folder's index.html in Chromium and prints what the page posts to /result:
//   node test/runtimes/chromium.mjs FOLDER [isolated]
// Exits with 9 where no Chromium is found: neither THUNDERBOLT_CHROMIUM nor one of the usual names in the path.
import { spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, extname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const TIMEOUT = 100_000;
const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** The path of a Chromium, if there is one. */
export function findChromium() {
  const paths = (process.env.PATH ?? "").split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [process.env.THUNDERBOLT_CHROMIUM, ...paths].find((path) => path && isExecutable(path));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Opens an address in a Chromium with a new profile, and no debugger; `close` ends it. */
export function openInChromium(chromium, address) {
  const profile = mkdtempSync(join(tmpdir(), "thunderbolt-chromium-"));
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", `--user-data-dir=${profile}`];
  const browser = spawn(chromium, [...flags, address], { stdio: "ignore" });
  const close = async () => {
    browser.kill("SIGKILL");
    if (browser.exitCode === null) await new Promise((resolve) => browser.once("exit", resolve));
    // its own processes write there for a moment longer
    try {
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    } catch {
      // a process of the browser that ends late may still write; the system clears its temporary files
    }
  };
  return { browser, close };
}

/**
 * What the page of a folder posts, and the paths that it asked for.
 *
 * @param isolated whether the page may share memory: it is served with the headers COOP and COEP.
 */
export async function runPage(chromium, folder, isolated) {
  const asked = [];
  let opened;
  const server = createServer();
  try {
    const answer = await new Promise((resolve, reject) => {
      server.on("request", (request, response) => {
        const { pathname } = new URL(request.url, "http://localhost");
        if (request.method === "POST") return void text(request).then((body) => resolve(JSON.parse(body)), reject);
        asked.push(pathname);
        serve(response, join(folder, pathname.endsWith("/") ? `${pathname}index.html` : pathname), isolated);
      });
      server.listen(0, "localhost", () => {
        opened = openInChromium(chromium, `http://localhost:${server.address().port}/`);
        opened.browser.on("error", reject);
        opened.browser.on("exit", (code) =>
          reject(new Error(`Chromium ended with ${code} before the page posted anything`)),
        );
      });
      setTimeout(() => reject(new Error(`the page posted nothing; it asked for ${asked.join(", ")}`)), TIMEOUT).unref();
    });
    return { answer, asked };
  } finally {
    server.close();
    server.closeAllConnections();
    await opened?.close();
  }
}

async function serve(response, file, isolated) {
  // the least that a page must allow: inline scripts are for the import map of a page without a bundler
  response.setHeader("Content-Security-Policy", "script-src 'self' 'wasm-unsafe-eval' 'unsafe-inline'");
  if (isolated) {
    response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
    response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
  }
  try {
    const body = await readFile(file);
    response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream").end(body);
  } catch {
    response.writeHead(404).end();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, isolated] = process.argv.slice(2);
  const chromium = findChromium();
  if (chromium) {
    console.log(JSON.stringify(await runPage(chromium, folder, isolated === "isolated")));
  } else {
    console.error(`no Chromium here: none of ${NAMES.join(", ")} is in the path, and THUNDERBOLT_CHROMIUM names none`);
    process.exitCode = 9;
  }
}
