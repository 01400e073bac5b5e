import { Command } from "commander";
import { OptionError } from "../engine/errors.ts";
import { count, printResult } from "./output.ts";

interface Flags {
  readonly output?: string;
  readonly csv?: boolean;
  readonly json?: boolean;
}

/** `thunderbolt report` */
export function reportCommand(): Command {
  return new Command("report")
    .description("Write a page on a training run, or one that compares several; also of runs that still go on.")
    .argument("<run...>", "folders of training runs")
    .option("-o, --output <file>", "the file to write (default: report.html in the run; of several runs here)")
    .option("--csv", "write the metrics as CSV instead (default: metrics.csv): a row a step of each run")
    .option("--json", "print the result as one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  $ thunderbolt report runs/a
  $ thunderbolt report runs/a runs/b -o comparison.html
  $ thunderbolt report runs/a --csv -o metrics.csv`,
    )
    .action(async (runs: string[], { output, csv, json }: Flags) => {
      const { writeReport } = await import("../report/write-report.ts");
      if (runs.includes("")) throw new OptionError("run is empty; expected the --out of a training run");
      const result = writeReport(runs, output, csv);
      printResult(json, result, () => `${result.path}: ${count(result.bytes)} bytes`);
    });
}
