import { DownloadError } from "../engine/errors.ts";
import type { HubSettings } from "./hub-settings.ts";

const MAX_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/** A repository of the hub. */
export interface HubRepo {
  readonly type: "model" | "dataset";
  readonly name: string;
}

/** A file as the hub lists it. */
export interface HubFile {
  /** Without the folders that it is in there. */
  readonly name: string;
  readonly url: string;
  readonly bytes: number;
  /** In hex: the SHA-256 of a large file's bytes, or the SHA-1 that git knows a small one by. */
  readonly hash: string;
}

/** What the hub, or a host that it sends us to, answers. */
export interface HubAnswer {
  readonly response: Response;
  /** The hash of the file as it is now, where the hub tells it. */
  readonly hash: string | undefined;
}

/** The Hugging Face hub over HTTP. */
export class Hub {
  readonly settings: HubSettings;
  readonly #origin: string;
  /** After an answer, a connection that fails has a better chance later. */
  #reached = false;

  constructor(settings: HubSettings) {
    this.settings = settings;
    this.#origin = new URL(settings.endpoint).origin;
  }

  /**
   * Asks for a URL, and follows where it leads. The token goes to the hub alone.
   *
   * @throws DownloadError where there is no answer at all; the signal's reason.
   */
  async get(url: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<HubAnswer> {
    let hash: string | undefined;
    let at = new URL(url);
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const response = await this.#send(at, headers, signal);
      hash ??= /^(?:W\/)?"?([0-9a-f]{64}|[0-9a-f]{40})"?$/.exec(response.headers.get("x-linked-etag") ?? "")?.[1];
      const location = response.headers.get("location");
      if (!REDIRECTS.has(response.status) || location === null) return { response, hash };
      await response.body?.cancel();
      at = new URL(location, at);
    }
    throw new DownloadError(`${at.host} leads from one place to another without end`);
  }

  /** The error for an answer that refuses something. */
  refusal({ status, url, headers }: Response, what: string): DownloadError {
    const { host, origin } = new URL(url);
    const said = `${host} answered ${status} for ${what}`;
    if (status === 404) return new DownloadError(`${said}: it is not there`);
    if ((status === 401 || status === 403) && origin === this.#origin) {
      const why = this.settings.token
        ? "the token (HF_TOKEN, or the one that was saved) is not valid, or may not read it"
        : "it is private or gone; HF_TOKEN takes a token that may read it";
      return new DownloadError(`${said}: ${why}`);
    }
    const temporary = status >= 500 || status === 408 || status === 429;
    return new DownloadError(said, { temporary, retryAfter: readRetryAfter(headers.get("retry-after")) });
  }

  async #send(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
    const { token } = this.settings;
    const authorization = token && url.origin === this.#origin ? { authorization: `Bearer ${token}` } : undefined;
    // what comes is counted, so it may not be packed on its way
    const all = { ...headers, "accept-encoding": "identity", "user-agent": "thunderbolt-lm", ...authorization };
    try {
      const response = await fetch(url, { headers: all, redirect: "manual", signal });
      this.#reached = true;
      return response;
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      throw new DownloadError(`there is no connection to ${url.host} (${codeOf(cause)})`, {
        cause,
        temporary: this.#reached,
      });
    }
  }
}

/** A connection that ended before the answer did. */
export function brokenConnection(url: string, cause: unknown): DownloadError {
  return new DownloadError(`the connection to ${new URL(url).host} broke (${codeOf(cause)})`, {
    cause,
    temporary: true,
  });
}

/** What the system calls the error behind one of fetch. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ("code" in error && typeof error.code === "string") return error.code;
  return error.cause === undefined ? error.message : codeOf(error.cause);
}

/** Seconds from a header Retry-After: a number of them, or a date. */
function readRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds);
}
