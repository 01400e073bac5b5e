/**
 * How long until the page tells: opens it in Chromium, at a new address each time, from a server on this machine, and
 * starts a story as soon as its script runs. Milliseconds from the beginning of the navigation to the first text on the
 * page:
 *
 *   node bench/page-start.mjs [model.thunderbolt] [--runs 15]
 *
 * Without a model it takes the one that ships. No debugger is attached to the browser, which would hold up the start of
 * every worker: the page itself tells the server, and goes on to the next address.
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { findChromium, openInChromium } from "../test/runtimes/chromium.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: "string", default: "15" } },
});
const runs = Number(values.runs);
const root = fileURLToPath(new URL("..", import.meta.url));
const model = readFileSync(positionals[0] ?? join(root, "models/tinystories.thunderbolt"));
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

const times = [];
let ended;
const end = new Promise((resolve) => {
  ended = resolve;
});
const server = createServer(({ url, headers }, response) => {
  const [name, query] = url === "/" ? ["index.html"] : url.slice(1).split("?");
  if (name === "told") {
    times.push(Number(query));
    if (times.length === runs) ended();
    response.end(times.length < runs ? addressOf(times.length, headers.host) : undefined);
    return;
  }
  const bytes = contentsOf(name);
  response.writeHead(bytes ? 200 : 404, {
    "content-type": types[extname(name)] ?? "application/octet-stream",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  });
  response.end(bytes || undefined);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const { browser, close } = openInChromium(findChromium(), addressOf(0, `localhost:${server.address().port}`));
await Promise.race([end, new Promise((_, reject) => browser.on("exit", () => reject(new Error("Chromium ended"))))]);
await close();
server.close();
server.closeAllConnections();
times.sort((a, b) => a - b);
const [fastest, median, slowest] = [0, 0.5, 1].map((share) => Math.round(times[Math.floor(share * (runs - 1))]));
console.log(JSON.stringify({ unit: "ms to the first text", modelBytes: model.length, runs, fastest, median, slowest }));

/** An origin of its own for each run, so that nothing of the page has been kept. */
function addressOf(run, host) {
  return `http://run${run}.localhost:${host.split(":")[1]}/`;
}

function contentsOf(name) {
  if (name === "model.thunderbolt") return model;
  if (name === "watch.js") return `(${watch})()`;
  const file = join(root, "dist/web", name);
  if (!existsSync(file)) return undefined;
  return name === "index.html"
    ? readFileSync(file, "utf8").replace("</title>", '$&<script src="watch.js"></script>')
    : readFileSync(file);
}

/** Runs in the page, before its own scripts. */
function watch() {
  addEventListener("DOMContentLoaded", () => {
    const stories = document.querySelector("#stories");
    const observer = new MutationObserver(async () => {
      const prompt = document.querySelector("#prompt").value;
      const [story] = stories.querySelectorAll("blockquote");
      if (!(story?.textContent.length > prompt.length)) return;
      observer.disconnect();
      const next = await (await fetch(`told?${performance.now()}`)).text();
      // what the page does afterwards is not to hold up the next one
      if (next) setTimeout(() => location.assign(next), 3000);
    });
    observer.observe(stories, { childList: true, characterData: true, subtree: true });
    document.querySelector("#generate-form").requestSubmit();
  });
}
