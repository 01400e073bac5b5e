import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import type { Browser } from "playwright-core";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
};

/** Serves a folder to cross-origin isolated pages. */
export async function serveFolder(folder: string): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer(async ({ url = "/" }, response) => {
    const body = await readFile(join(folder, new URL(url, "http://here").pathname)).catch(() => undefined);
    response
      .writeHead(body ? 200 : 404, {
        "content-type": types[extname(url)] ?? "application/octet-stream",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
      })
      .end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** Code at the end of a page's module that says that all before has run. */
export const atEnd = "\nglobalThis.documentsDone = true;\n";

/** What a page shows when its module has run. @throws Error for whatever goes wrong there. */
export async function shownBy(browser: Browser, address: string): Promise<string | null> {
  const page = await browser.newPage();
  page.setDefaultTimeout(200_000);
  try {
    const fault = new Promise<never>((_, reject) => {
      page.on("pageerror", reject);
      page.on("crash", () => reject(new Error("the page crashed")));
    });
    await page.goto(address);
    await Promise.race([fault, page.waitForFunction("globalThis.documentsDone")]);
    return await page.locator("body").textContent();
  } finally {
    await page.close();
  }
}
