import type { KernelSet } from "../engine/module.ts";
import { type CrewFactory, inPlaceCrew } from "../train/crew.ts";
import { piscinaCrew } from "../workers/piscina-crew.ts";

/**
 * Who does the work of a run here, and how many: a pool of threads, but the calling thread alone where the kernels'
 * memory cannot be shared. The result does not depend on it.
 */
export function crewFor(set: KernelSet, workers: number): { readonly crew: CrewFactory; readonly workers: number } {
  return set === "single" ? { crew: inPlaceCrew, workers: 1 } : { crew: piscinaCrew(), workers };
}
