import type { HubSettings } from "./hub-settings.ts";

/** What can be fetched: the data set TinyStories (V2, by GPT-4), or the released weights of FlashLM v5. */
export type Fetchable = "tinystories" | "flashlm-v5";

/** What to fetch, and where to. */
export interface FetchOptions {
  /** What to fetch. */
  readonly what: Fetchable;
  /** The folder that receives the files; by default one of the name of `what`. */
  readonly out?: string;
  /** Replace files of these names that differ from the hub's. */
  readonly overwrite?: boolean;
  /** What differs from the environment's settings. */
  readonly hub?: Partial<HubSettings>;
  /** Told what goes on. */
  readonly onProgress?: (progress: FetchProgress) => void;
  /** Ends the work; what has come of a file stays for the next time. */
  readonly signal?: AbortSignal;
}

/** What fetching tells while it goes on. */
export type FetchProgress =
  /** The hub has listed the files. */
  | {
      readonly kind: "found";
      /** The repository on the hub. */
      readonly repo: string;
      /** How many files will be there. */
      readonly files: number;
      /** Of all files together. */
      readonly bytes: number;
    }
  /** The first of each work on a file tells where it starts. */
  | {
      readonly kind: "working";
      /** Bytes come, or those that are there already are hashed. */
      readonly work: "fetching" | "checking";
      /** Its name. */
      readonly file: string;
      /** Bytes of it done. */
      readonly done: number;
      /** Bytes that it has. */
      readonly all: number;
    }
  /** Something failed that is tried again. */
  | {
      readonly kind: "waiting";
      /** Until the next trial. */
      readonly seconds: number;
      /** What failed. */
      readonly reason: string;
    };

/** What is there now. */
export interface FetchResult {
  /** Paths. */
  readonly files: readonly string[];
  /** Of all files together. */
  readonly bytes: number;
}
