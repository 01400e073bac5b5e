/** A file that a server gives out. */
export interface ServedFile {
  /** What is sent. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Its media type. */
  readonly type: string;
  /** Tells its content from others; without quotes. */
  readonly etag: string;
}

/** Files by the path of their URL, decoded. What is not in here is not given out. */
export type ServedFiles = ReadonlyMap<string, ServedFile>;

/** Where the page finds the model that is served. */
export const MODEL_PATH = "/model.thunderbolt";

/** Lets the page share memory with its workers, and nobody else embed or guess what is served. */
const headers = {
  "cache-control": "no-cache",
  "cross-origin-embedder-policy": "require-corp",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "x-content-type-options": "nosniff",
};

/** The answer to a request for a file: not its bytes again, if the client has them. @param known If-None-Match */
export function fileResponse({ bytes, type, etag }: ServedFile, known: string | undefined): Response {
  const tagged = { ...headers, etag: `"${etag}"` };
  if (known?.includes(tagged.etag)) return new Response(null, { status: 304, headers: tagged });
  return new Response(bytes, { headers: { ...tagged, "content-type": type, "content-length": String(bytes.length) } });
}
