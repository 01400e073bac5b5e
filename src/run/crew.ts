import type { AnyCrewFactory } from "../engine/crew.ts";
import type { KernelSet } from "../engine/instance.ts";
import { piscinaCrew } from "../workers/piscina-crew.ts";

/**
 * Who does the work here, and how many: a pool of threads, but the calling thread alone (no crew) where the kernels'
 * memory cannot be shared. The result does not depend on it.
 */
export function crewFor(
  set: KernelSet,
  workers: number,
): { readonly crew: AnyCrewFactory | undefined; readonly workers: number } {
  return set === "single" ? { crew: undefined, workers: 1 } : { crew: piscinaCrew(), workers };
}
