import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";

const page = new URL("../dist/web/", import.meta.url);
const types: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

/** A host of the built page. */
export interface WebServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves dist/web from the loopback address, as a plain host of files would.
 *
 * @param isolated whether with the headers that let pages share memory.
 * @param model what lies beside the page as model.thunderbolt; by default nothing.
 */
export async function serveWeb(isolated: boolean, model?: Uint8Array): Promise<WebServer> {
  const headers = isolated && {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
  };
  const server = createServer(async ({ url = "/" }, response) => {
    const name = url.replace(/[?#].*/, "").slice(1) || "index.html";
    const bytes = name === "model.thunderbolt" ? model : await readFile(new URL(name, page)).catch(() => undefined);
    const type = types[extname(name)] ?? "application/octet-stream";
    response.writeHead(bytes ? 200 : 404, { "content-type": type, ...headers }).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
