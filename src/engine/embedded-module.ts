import { simd } from "../../wasm-build/embedded.ts";
import { decodeBase64 } from "./base64.ts";

/** The bytes of the module `simd`, which comes with the code; the caller's to change. The web page has it packed. */
export function embeddedModule(): Uint8Array<ArrayBuffer> {
  return decodeBase64(simd);
}
