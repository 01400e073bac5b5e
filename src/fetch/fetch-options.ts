import type { HubSettings } from "./hub-settings.ts";

/** What can be fetched: the data set TinyStories (V2, by GPT-4), or the released weights of FlashLM v5. */
export type Fetchable = "tinystories" | "flashlm-v5";

/** What to fetch, and where to. */
export interface FetchOptions {
  readonly what: Fetchable;
  /** The folder that receives the files; by default one of the name of `what`. */
  readonly out?: string;
  /** Replace files of these names that differ from the hub's. */
  readonly overwrite?: boolean;
  /** What differs from the environment's settings. */
  readonly hub?: Partial<HubSettings>;
  readonly onProgress?: (progress: FetchProgress) => void;
  /** Ends the work; what has come of a file stays for the next time. */
  readonly signal?: AbortSignal;
}

/** What fetching tells while it goes on. */
export type FetchProgress =
  | { readonly kind: "found"; readonly repo: string; readonly files: number; readonly bytes: number }
  /** The first of each work on a file tells where it starts. */
  | {
      readonly kind: "working";
      readonly work: "fetching" | "checking";
      readonly file: string;
      readonly done: number;
      readonly all: number;
    }
  /** Something failed that is tried again. */
  | { readonly kind: "waiting"; readonly seconds: number; readonly reason: string };

/** What is there now. */
export interface FetchResult {
  /** Paths. */
  readonly files: readonly string[];
  /** Of all files together. */
  readonly bytes: number;
}
