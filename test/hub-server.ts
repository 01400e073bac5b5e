import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A file of the hub that is imitated. */
export interface ServedFile {
  readonly path: string;
  readonly bytes: Buffer;
  /** Large files have a SHA-256, and are on another host. */
  readonly large: boolean;
}

/** Answers a request for a file's bytes in another way than a good server would; true if it did. */
export type Fault = (request: IncomingMessage, response: ServerResponse, file: ServedFile) => boolean;

/** A request as it came. */
export interface SeenRequest {
  readonly host: "hub" | "cdn";
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/**
 * What the Hugging Face hub does for those who fetch: it lists a repository's files, page by page, and sends those who
 * want a large one to another host, which answers ranges.
 */
export class HubServer {
  readonly requests: SeenRequest[] = [];
  /** What goes wrong, one request for bytes after the other; undefined: nothing. */
  faults: (Fault | undefined)[] = [];
  /** Answers instead of the listing, one request after the other. */
  listingFaults: ((response: ServerResponse) => void)[] = [];
  files: ServedFile[] = [];
  /** What the hub calls a large file, where it is not its hash. */
  linkedEtag: string | undefined;
  pageSize = 1000;
  readonly #held: { readonly response: ServerResponse; readonly sent: number }[] = [];
  readonly #repo: string;
  readonly #hub: Server;
  readonly #cdn: Server;

  /** @param repo for example models/changcheng967/flashlm-v5-thunderbolt. */
  private constructor(repo: string) {
    this.#repo = repo;
    this.#hub = createServer((request, response) => this.#answerHub(request, response));
    this.#cdn = createServer((request, response) => this.#answerCdn(request, response));
  }

  static async start(repo: string): Promise<HubServer> {
    const server = new HubServer(repo);
    for (const one of [server.#hub, server.#cdn]) {
      await new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve));
    }
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#hub.address() as AddressInfo).port}`;
  }

  get cdnUrl(): string {
    return `http://127.0.0.1:${(this.#cdn.address() as AddressInfo).port}`;
  }

  /** Begins anew: these files, no faults. */
  serve(files: Readonly<Record<string, string | Buffer>>): void {
    this.requests.length = 0;
    this.faults = [];
    this.listingFaults = [];
    this.linkedEtag = undefined;
    this.pageSize = 1000;
    this.files = Object.entries(files).map(([path, content]) => {
      const bytes = Buffer.from(content);
      return { path, bytes, large: !path.endsWith(".json") && !path.endsWith(".md") };
    });
  }

  /** Sends some bytes of what is asked for, though its header promises all, and breaks off when they have arrived. */
  breakAfter(bytes: number): Fault {
    return (request, response, file) => {
      stallAfter(bytes)(request, response, file);
      this.#held.push({ response, sent: startOf(request) + bytes });
      return true;
    };
  }

  /** So much of a file has arrived. */
  arrived(bytes: number): void {
    for (const { response, sent } of this.#held) if (bytes >= sent) response.destroy();
  }

  /** The ranges that a file's bytes were asked for by, "" for all. */
  rangesOf(name: string): string[] {
    const asked = this.requests.filter(
      ({ host, path }) => path.endsWith(name) && host === (this.#isLarge(name) ? "cdn" : "hub"),
    );
    return asked.map(({ range }) => range ?? "");
  }

  async stop(): Promise<void> {
    for (const one of [this.#hub, this.#cdn]) {
      one.closeAllConnections();
      await new Promise((resolve) => one.close(resolve));
    }
  }

  #isLarge(name: string): boolean {
    return this.files.some(({ path, large }) => path.endsWith(name) && large);
  }

  #see(host: "hub" | "cdn", { url = "", headers }: IncomingMessage): URL {
    const { range, authorization } = headers;
    const at = new URL(url, this.url);
    this.requests.push({ host, path: decodeURIComponent(at.pathname), range, authorization });
    return at;
  }

  #answerHub(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = this.#see("hub", request);
    if (pathname === `/api/${this.#repo}/tree/main`) {
      const fault = this.listingFaults.shift();
      if (fault) fault(response);
      else this.#list(Number(searchParams.get("cursor") ?? 0), response);
      return;
    }
    const prefix = `/${this.#repo.replace(/^models\//, "")}/resolve/main/`;
    const file = pathname.startsWith(prefix) ? this.#find(pathname.slice(prefix.length)) : undefined;
    if (file === undefined) {
      response.writeHead(404).end("Entry not found");
    } else if (file.large) {
      const etag = this.linkedEtag ?? sha256(file.bytes);
      const headers = { "x-linked-etag": `"${etag}"`, "x-linked-size": file.bytes.length };
      response
        .writeHead(302, { ...headers, location: `${this.cdnUrl}/blob/${encodeURIComponent(file.path)}` })
        .end("Found");
    } else {
      this.#send(file, request, response);
    }
  }

  #answerCdn(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = this.#see("cdn", request);
    const file = this.#find(pathname.replace("/blob/", ""));
    if (file === undefined) response.writeHead(404).end();
    else this.#send(file, request, response);
  }

  #send(file: ServedFile, request: IncomingMessage, response: ServerResponse): void {
    if (this.faults.shift()?.(request, response, file)) return;
    const all = file.bytes.length;
    const from = startOf(request);
    if (from > 0 && from >= all) {
      response.writeHead(416, { "content-range": `bytes */${all}` }).end();
    } else if (from > 0) {
      const headers = { "content-range": `bytes ${from}-${all - 1}/${all}`, "content-length": all - from };
      response.writeHead(206, headers).end(file.bytes.subarray(from));
    } else {
      response.writeHead(200, { "content-length": all }).end(file.bytes);
    }
  }

  #list(cursor: number, response: ServerResponse): void {
    const page = this.files.slice(cursor, cursor + this.pageSize).map(({ path, bytes, large }) => ({
      type: "file",
      path,
      size: bytes.length,
      oid: gitHash(bytes),
      ...(large && { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 }, xetHash: "0".repeat(64) }),
    }));
    const next = cursor + this.pageSize;
    const link = `<${this.url}/api/${this.#repo}/tree/main?recursive=true&expand=false&cursor=${next}>; rel="next"`;
    const headers = { "content-type": "application/json", ...(next < this.files.length && { link }) };
    const folder = { type: "directory", path: "a folder", size: 0, oid: "0".repeat(40) };
    response.writeHead(200, headers).end(JSON.stringify([folder, ...page]));
  }

  #find(path: string): ServedFile | undefined {
    return this.files.find((file) => file.path === decodeURIComponent(path));
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** As git knows a file. */
export function gitHash(bytes: Uint8Array): string {
  return createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");
}

/** Sends some bytes of what is asked for, though its header promises all, and then nothing. */
export function stallAfter(bytes: number): Fault {
  return (request, response, { bytes: all }) => {
    const from = startOf(request);
    const range = { "content-range": `bytes ${from}-${all.length - 1}/${all.length}` };
    response.writeHead(from > 0 ? 206 : 200, { ...(from > 0 && range), "content-length": all.length - from });
    response.flushHeaders();
    response.write(all.subarray(from, from + bytes));
    return true;
  };
}

/** The first byte that is asked for. */
function startOf({ headers }: IncomingMessage): number {
  return Number(/^bytes=(\d+)-$/.exec(headers.range ?? "")?.[1] ?? 0);
}

/** Answers in one way, whatever is asked. */
export function answer(
  status: number,
  headers: Readonly<Record<string, string | number>> = {},
  body?: Uint8Array,
): Fault {
  return (_, response) => {
    response.writeHead(status, headers).end(body);
    return true;
  };
}
