import { DownloadError } from "../engine/errors.ts";
import type { Fetchable } from "./fetch-options.ts";
import type { HubFile, HubRepo } from "./hub.ts";

/** Where something is on the hub, and which of the files there it is. */
export interface FetchTarget {
  readonly repo: HubRepo;
  /** @throws DownloadError if they are not there. */
  choose(listed: readonly HubFile[]): HubFile[];
}

const stories: HubRepo = { type: "dataset", name: "roneneldan/TinyStories" };
const release: HubRepo = { type: "model", name: "changcheng967/flashlm-v5-thunderbolt" };

export const targets: Readonly<Record<Fetchable, FetchTarget>> = {
  tinystories: {
    repo: stories,
    choose: (listed) =>
      ["TinyStoriesV2-GPT4-train.txt", "TinyStoriesV2-GPT4-valid.txt"].map((name) => find(listed, name, stories)),
  },
  "flashlm-v5": {
    repo: release,
    choose(listed) {
      // the weights that the release's own README loads; whatever weights there are, should they have another name
      const best = listed.find(({ name }) => name === "best.pt");
      const weights = best ? [best] : listed.filter(({ name }) => /\.(pt|pth|safetensors)$/.test(name));
      if (weights.length === 0) throw missing("weights (.pt, .pth, .safetensors)", listed, release);
      return [...weights, find(listed, "tokenizer.json", release)];
    },
  },
};

function find(listed: readonly HubFile[], wanted: string, repo: HubRepo): HubFile {
  const file = listed.find(({ name }) => name === wanted);
  if (file === undefined) throw missing(wanted, listed, repo);
  return file;
}

function missing(wanted: string, listed: readonly HubFile[], { name }: HubRepo): DownloadError {
  const names = listed.map((file) => file.name);
  const all = names.length > 8 ? [...names.slice(0, 8), "..."] : names;
  return new DownloadError(`the repository ${name} holds no ${wanted}; it holds ${all.join(", ") || "nothing"}`);
}
