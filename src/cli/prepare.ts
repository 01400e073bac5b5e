import { Command } from "commander";
import { OptionError } from "../engine/errors.ts";
import { prepare, verifyPrepared } from "../run/prepare.ts";
import type { PrepareOptions, PrepareProgress, PrepareResult } from "../run/prepare-options.ts";
import { interruptSignal } from "./interrupt.ts";
import { number, workersOption } from "./options.ts";
import { count, duration, Progress, printResult, timedShower } from "./output.ts";

interface Flags extends Omit<PrepareOptions, "texts" | "out"> {
  readonly out?: string;
  readonly verify?: string;
  readonly json?: boolean;
}

/** `thunderbolt prepare` */
export function prepareCommand(): Command {
  return new Command("prepare")
    .description("Turn texts of any size into a folder of tokens that train takes, a piece at a time.")
    .argument("[text...]", "UTF-8 text or JSON lines (.jsonl, .json), also as .gz: files, folders, patterns")
    .option("--out <dir>", "the folder that receives the tokens")
    .option("--vocab <v>", "tokens in the vocabulary (default 4096)", number)
    .option("--tokenizer <file>", "take this tokenizer.json instead of learning one")
    .option(
      "--as-released",
      "prepare as the FlashLM release does: blank lines dropped, lines joined, <|endoftext|> as text; needs --tokenizer",
    )
    .option("--separator <rule>", "what ends a story: the text of a line (default <|endoftext|>), blank, or blank:3")
    .option("--field <name>", 'the field of a JSON line that holds a story (default "text")')
    .option("--val-share <x>", "the share of the stories to score with (default 0.02)", number)
    .option("--sample <bytes>", "text that the vocabulary is learnt from (default 16777216)", number)
    .option("--seed <s>", "seed of the sample (default 0)", number)
    .option(...workersOption)
    .option("--overwrite", "replace what was prepared in --out")
    .option("--verify <dir>", "instead: compare every byte of a prepared folder with its index")
    .option("--json", "print the result as one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  $ thunderbolt prepare stories.txt.gz --out prepared --vocab 4096
  $ thunderbolt prepare books 'more/*.txt' --out prepared --separator blank:3
  $ thunderbolt train prepared --out runs/a --preset small --minutes 60`,
    )
    .action(async (texts: string[], { verify, json, out, ...flags }: Flags) => {
      using progress = new Progress();
      if (verify !== undefined) {
        if (texts.length > 0 || out !== undefined) {
          throw new OptionError(`verify is ${verify}; it takes neither texts nor --out`);
        }
        const timed = timedShower(progress, "verifying");
        const result = await verifyPrepared(verify, timed);
        progress.done();
        printResult(json, result, () => `${verify} is as it was prepared: ${summary(result)}`);
        return;
      }
      if (out === undefined) throw new OptionError("out is missing; give a folder with --out");
      const signal = interruptSignal("stopping");
      const started = performance.now();
      const result = await prepare({ ...flags, texts, out, onProgress: shower(progress), signal });
      progress.done();
      printResult(json, result, () => {
        const seconds = (performance.now() - started) / 1000;
        return `prepared ${out} in ${duration(seconds)}: ${summary(result)}`;
      });
    });
}

function summary({ stories, bytes, trainTokens, valTokens, vocab }: PrepareResult): string {
  return `${count(stories)} stories, ${count(bytes)} bytes; ${count(trainTokens)} tokens to train on, ${count(valTokens)} to score with; a vocabulary of ${count(vocab)}`;
}

function shower(progress: Progress): (event: PrepareProgress) => void {
  // each time that the text is read has a speed of its own
  let timed = timedShower(progress, "sampling");
  return (event) => {
    switch (event.kind) {
      case "found":
        progress.say(`${count(event.files)} files, ${count(event.bytes)} bytes`);
        break;
      case "learning":
        progress.say(`learning a vocabulary from ${count(event.stories)} stories`);
        break;
      case "started":
        timed = timedShower(progress, event.work);
        break;
      case "read":
        timed(event.done, event.all);
    }
  };
}
