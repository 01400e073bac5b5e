import type { LoadOptions } from "./index.js";

/** The kernels as the host or the bundler imports them (a module, bytes, an address): for loadModel's option `wasm`. */
declare const kernels: NonNullable<LoadOptions["wasm"]>;
export default kernels;
