import { type ListFileEntry, listFiles } from "@huggingface/hub";
import { DownloadError, ThunderboltError } from "../engine/errors.ts";
import { brokenConnection, type Hub, type HubFile, type HubRepo } from "./hub.ts";
import { IdleLimit } from "./idle-limit.ts";
import { Retries, type RetryOptions } from "./retries.ts";

/**
 * All files of a repository, those in the fewest folders first; of several of one name, the first.
 *
 * @throws DownloadError; the signal's reason.
 */
export async function listHub(hub: Hub, repo: HubRepo, options: RetryOptions): Promise<HubFile[]> {
  const { endpoint } = hub.settings;
  // no token for the library: it would check its form, and send it wherever a listing goes on
  const fetch = (url: RequestInfo | URL) => new Retries(options).run(() => readPage(hub, String(url), repo, options));
  try {
    const files: ListFileEntry[] = [];
    for await (const entry of listFiles({ repo, recursive: true, hubUrl: endpoint, fetch })) {
      if (entry.type === "file") files.push(entry);
    }
    const depth = ({ path }: ListFileEntry) => path.split("/").length;
    const byName = new Map<string, HubFile>();
    for (const entry of files.sort((a, b) => depth(a) - depth(b))) {
      const file = fileOf(entry, repo, endpoint);
      if (!byName.has(file.name)) byName.set(file.name, file);
    }
    return [...byName.values()];
  } catch (cause) {
    if (cause instanceof ThunderboltError || options.signal?.aborted) throw cause;
    throw new DownloadError(`${endpoint} does not list the files of ${repo.name} (${String(cause)})`, { cause });
  }
}

/** One page of a listing, to its end. */
async function readPage(hub: Hub, url: string, repo: HubRepo, { signal }: RetryOptions): Promise<Response> {
  const limit = new IdleLimit(hub.settings.idleSeconds, new URL(url).host, signal);
  try {
    const { response } = await hub.get(url, { accept: "application/json" }, limit.signal);
    const body = await response.arrayBuffer().catch((cause) => {
      throw limit.signal.aborted ? limit.signal.reason : brokenConnection(url, cause);
    });
    if (!response.ok) throw hub.refusal(response, repo.name);
    return new Response(body, { headers: response.headers });
  } finally {
    limit.end();
  }
}

function fileOf({ path, size, oid, lfs }: ListFileEntry, repo: HubRepo, endpoint: string): HubFile {
  const hash = (lfs?.oid ?? oid ?? "").replace(/^sha256:/, "");
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(hash)) throw new TypeError(`${path} has no hash`);
  const folder = repo.type === "model" ? repo.name : `${repo.type}s/${repo.name}`;
  return {
    name: path.replace(/^.*[\\/]/s, ""),
    url: `${endpoint}/${folder}/resolve/main/${path.split("/").map(encodeURIComponent).join("/")}`,
    bytes: lfs?.size ?? size,
    hash,
  };
}
