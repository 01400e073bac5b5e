import { Command } from "commander";
import { fetchFiles } from "../fetch/fetch.ts";
import type { Fetchable, FetchProgress } from "../fetch/fetch-options.ts";
import { interruptSignal } from "./interrupt.ts";
import { count, duration, Progress, printResult, timedShower } from "./output.ts";

interface Flags {
  readonly out?: string;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

/** `thunderbolt fetch` */
export function fetchCommand(): Command {
  return new Command("fetch")
    .description("Bring the whole data set, or the released weights, from the Hugging Face hub.")
    .argument("<what>", "tinystories: 2.2 GB of stories; flashlm-v5: the released weights and their tokenizer")
    .option("--out <dir>", "the folder that receives the files (default: one of that name)")
    .option("--overwrite", "replace files of these names that are not the hub's")
    .option("--json", "print the result as one JSON object")
    .addHelpText(
      "after",
      `
What was stopped goes on where it was; what is there already is not fetched again. Every byte is compared with the
hash that the hub lists. TinyStories is by Ronen Eldan and Yuanzhi Li, under CDLA-Sharing-1.0
(https://cdla.dev/sharing-1-0/).

Environment, as the hub's own programs read it:
  HF_TOKEN                 a token, where one is needed; or the one in HF_HOME that logging in has saved
  HF_ENDPOINT              another hub than https://huggingface.co
  HF_HUB_DOWNLOAD_TIMEOUT  seconds without a byte after which a connection is given up (default 30)

Examples:
  $ thunderbolt fetch tinystories
  $ thunderbolt prepare tinystories/TinyStoriesV2-GPT4-train.txt --out prepared

  $ thunderbolt fetch flashlm-v5
  $ thunderbolt import flashlm-v5/best.pt --tokenizer flashlm-v5/tokenizer.json --out runs/released`,
    )
    .action(async (what: Fetchable, { json, ...flags }: Flags) => {
      using progress = new Progress();
      const signal = interruptSignal("stopping");
      const onProgress = shower(progress);
      const result = await fetchFiles({ ...flags, what, signal, onProgress });
      progress.done();
      printResult(json, result, () =>
        [`${count(result.bytes)} bytes, as the hub lists them:`, ...result.files].join("\n"),
      );
    });
}

function shower(progress: Progress): (event: FetchProgress) => void {
  let work = "";
  let show = timedShower(progress, work);
  return (event) => {
    switch (event.kind) {
      case "found":
        progress.say(`${event.repo}: ${event.files} files, ${count(event.bytes)} bytes`);
        break;
      case "waiting":
        progress.say(`${event.reason}; trying again in ${duration(event.seconds)}`);
        break;
      case "working": {
        const now = `${event.work} ${event.file}`;
        // bytes that were there before say nothing of the speed
        if (now !== work) show = timedShower(progress, now, "MB", event.done);
        work = now;
        show(event.done, event.all);
      }
    }
  };
}
