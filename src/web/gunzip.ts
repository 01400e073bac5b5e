import { decodeBase64 } from "../engine/base64.ts";

/** Unpacks what gzip has packed. @throws TypeError for what it has not. */
export async function gunzip(packed: Blob | Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Response(packed).body?.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The same for bytes in base64, as they stand in a script. */
export function gunzipBase64(base64: string): Promise<Uint8Array<ArrayBuffer>> {
  return gunzip(decodeBase64(base64));
}
