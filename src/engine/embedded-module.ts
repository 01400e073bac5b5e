import { simd } from "../../wasm-build/embedded.ts";
import { decodeBase64 } from "./base64.ts";

/** When {@link embeddedModule} has its bytes: at once, but in the web page, which carries them packed (esbuild.web.mjs). */
export const unpacked: Promise<void> = Promise.resolve();

/** The bytes of the module `simd`, which comes with the code; the caller's to change. */
export function embeddedModule(): Uint8Array<ArrayBuffer> {
  return decodeBase64(simd);
}
