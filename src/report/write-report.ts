import { join } from "node:path";
import { checkOutFile } from "../run/out-file.ts";
import { REPORT } from "../run/run-folder.ts";
import { writeWhole } from "../run/write-file.ts";
import { pageAssets } from "./assets.ts";
import { comparison } from "./comparison.ts";
import { metricsCsv } from "./csv.ts";
import { pageOf } from "./page.ts";
import { readRun } from "./read-run.ts";
import { runReport } from "./run-report.ts";

/** What was written. */
export interface ReportResult {
  readonly path: string;
  readonly bytes: number;
  /** Paths of the runs, as they were given. */
  readonly runs: readonly string[];
}

/**
 * Writes the report of a run, or one page that compares several; or their metrics as CSV.
 *
 * @param runs at least one.
 * @param output by default report.html or metrics.csv, in the folder of the run, or of several in the present one.
 * @throws OptionError for a folder without a run, and for a file that cannot be written there; FormatError for damaged metrics; SaveError.
 */
export function writeReport(runs: readonly string[], output?: string, csv = false): ReportResult {
  const path = output ?? reportPath(runs, csv);
  const records = runs.map(readRun);
  checkOutFile(path);
  const text = csv
    ? metricsCsv(records)
    : pageOf(records.length === 1 ? runReport(records[0]) : comparison(records), pageAssets());
  const bytes = new TextEncoder().encode(text);
  writeWhole(path, [bytes]);
  return { path, bytes: bytes.length, runs };
}

/** Where a report goes unless told otherwise. */
function reportPath(runs: readonly string[], csv = false): string {
  const name = csv ? "metrics.csv" : REPORT;
  return runs.length === 1 ? join(runs[0], name) : name;
}
