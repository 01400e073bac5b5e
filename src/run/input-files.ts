import { existsSync, statSync } from "node:fs";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { globSync } from "tinyglobby";
import { TextError } from "../engine/errors.ts";

/** A file of a text. */
export interface InputFile {
  readonly path: string;
  /** As it lies on the disk. */
  readonly bytes: number;
  readonly gzip: boolean;
  /** JSON lines rather than plain text. */
  readonly records: boolean;
}

/** What is taken from a folder. */
const TEXTS = "**/*.{txt,jsonl,json}{,.gz}";

/**
 * The files that some arguments mean: files, folders (every .txt, .jsonl and .json in them, packed by gzip or not) and
 * patterns such as `texts/*.txt`, in the order of the arguments and sorted by path within each. A file that is meant
 * twice is read once.
 *
 * @param out a folder whose files are no texts, whatever their names.
 * @throws TextError naming an argument that means no file.
 */
export function findInputs(args: readonly string[], out: string): InputFile[] {
  const files = new Map<string, InputFile>();
  for (const arg of args) {
    const found = pathsOf(arg).filter((path) => !isInside(path, out));
    if (found.length === 0) throw nothing(arg);
    for (const path of found) {
      const [, extension, packed] = /(\.[^./\\]*?)?(\.gz)?$/i.exec(path) ?? [];
      files.set(resolve(path), {
        path,
        bytes: statSync(path).size,
        gzip: packed !== undefined,
        records: /^\.(jsonl|json|ndjson)$/i.test(extension ?? ""),
      });
    }
  }
  return [...files.values()];
}

function pathsOf(arg: string): string[] {
  // a name with a bracket in it is first of all a name
  if (existsSync(arg)) {
    if (!statSync(arg).isDirectory()) return [arg];
    const start = arg.endsWith("/") || arg.endsWith(sep) ? arg : `${arg}/`;
    return sorted(globSync(TEXTS, { cwd: arg, dot: false, caseSensitiveMatch: false })).map((path) => start + path);
  }
  return sorted(globSync(arg, { onlyFiles: true, expandDirectories: false }));
}

/** By code units: a locale would give another order on another machine. */
function sorted(paths: string[]): string[] {
  return paths.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function isInside(path: string, folder: string): boolean {
  const way = relative(resolve(folder), resolve(path));
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

function nothing(arg: string): TextError {
  if (existsSync(arg)) return new TextError(`${arg} is a folder without any .txt, .jsonl or .json file`);
  const what = /[*?{[]/.test(arg) ? "matches no file" : "does not exist";
  return new TextError(`${arg} ${what}; expected a UTF-8 text file, a folder of such, or a pattern`);
}
