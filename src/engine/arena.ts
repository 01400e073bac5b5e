import { MemoryError } from "./errors.ts";

/** wasm32 addresses end here. */
const LIMIT = 2 ** 32;
/** A cache line: regions begin on one, so that two workers never write to the same. */
const LINE = 64;
const PAGE = 65_536;

/**
 * Hands out addresses of a WebAssembly memory before it exists: everything is reserved first, so that what does not
 * fit is refused before anything is allocated, and nothing grows later.
 */
export class Arena {
  // address 0 stays unused: it means "none" to the kernels
  #end = LINE;

  /** The address of `bytes` new bytes, a multiple of 64. */
  reserve(bytes: number): number {
    const address = this.#end;
    this.#end = Math.ceil((address + bytes) / LINE) * LINE;
    return address;
  }

  /** Like {@link reserve}, for float32 elements. */
  floats(count: number): number {
    return this.reserve(count * 4);
  }

  /** Whether all of it fits into a wasm32 memory. */
  get fits(): boolean {
    return this.#end <= LIMIT;
  }

  /**
   * Whole pages that hold all of it.
   *
   * @param what what was planned, for the message, for example "batch 64 x 256"
   * @param advice what would fit
   * @throws MemoryError if that is more than a wasm32 memory can have.
   */
  pages(what: string, advice: () => string): number {
    if (!this.fits) {
      const needed = (this.#end / 2 ** 30).toFixed(1);
      throw new MemoryError(`${what} needs ${needed} GiB and a WebAssembly memory has 4; ${advice()}`);
    }
    return Math.ceil(this.#end / PAGE);
  }
}
