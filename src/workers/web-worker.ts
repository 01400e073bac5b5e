import type { Share, ShareRunner } from "../engine/crew.ts";
import { sharesOf } from "./shares.ts";

/** What a worker answers a share with: its result, or else what went wrong. */
export interface Answer {
  readonly result?: unknown;
  readonly error?: string;
}

let runShare: ShareRunner<never, unknown> | undefined;

// The first message is the job; a failure there is an error event of the worker. Every later one is a share.
addEventListener("message", ({ data }) => {
  if (runShare === undefined) runShare = sharesOf(data);
  else void work(runShare, data).then((answer) => postMessage(answer));
});

async function work(run: ShareRunner<never, unknown>, share: Share<never>): Promise<Answer> {
  try {
    return { result: await run(share) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
