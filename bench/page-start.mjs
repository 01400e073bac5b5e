/**
 * How long until the page tells: opens it in Chromium, as new each time, from a server on this machine, and starts a
 * story as soon as its script runs. Milliseconds from the beginning of the navigation to the first text on the page:
 *
 *   node bench/page-start.mjs [model.thunderbolt] [--runs 15]
 *
 * Without a model it takes the one that ships.
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { findChromium } from "../test/runtimes/chromium.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { runs: { type: "string", default: "15" } },
});
const root = fileURLToPath(new URL("..", import.meta.url));
const model = readFileSync(positionals[0] ?? join(root, "models/tinystories.thunderbolt"));
const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

const server = createServer(({ url }, response) => {
  const name = url === "/" ? "index.html" : url.slice(1);
  const file = join(root, "dist/web", name);
  const bytes = name === "model.thunderbolt" ? model : existsSync(file) && readFileSync(file);
  response.writeHead(bytes ? 200 : 404, {
    "content-type": types[extname(name)] ?? "application/octet-stream",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  });
  response.end(bytes || undefined);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox"] });
const times = [];
for (let run = 0; run < Number(values.runs); run++) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript(watch);
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  times.push(await page.waitForFunction(() => globalThis.firstText).then((handle) => handle.jsonValue()));
  await context.close();
}
await browser.close();
server.close();
times.sort((a, b) => a - b);
const [fastest, median, slowest] = [0, 0.5, 1].map((share) =>
  Math.round(times[Math.floor(share * (times.length - 1))]),
);
console.log(
  JSON.stringify({
    unit: "ms to the first text",
    modelBytes: model.length,
    runs: times.length,
    fastest,
    median,
    slowest,
  }),
);

/** Runs in the page, before its own scripts. */
function watch() {
  addEventListener("DOMContentLoaded", () => {
    const stories = document.querySelector("#stories");
    new MutationObserver(() => {
      const prompt = document.querySelector("#prompt").value;
      const [story] = stories.querySelectorAll("blockquote");
      if (story?.textContent.length > prompt.length) globalThis.firstText ??= performance.now();
    }).observe(stories, { childList: true, characterData: true, subtree: true });
    document.querySelector("#generate-form").requestSubmit();
  });
}
