import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A fenced block of a document. */
export interface Block {
  /** The document and the line of the fence, for messages. */
  readonly place: string;
  /** "" for output. */
  readonly language: string;
  /** A file name after the language: the block is the content of that file. */
  readonly file: string | undefined;
  /** Another word after the language: where the code runs, `page` or `edge`; by default Node. */
  readonly host: string | undefined;
  readonly code: string;
}

/** The fenced blocks of a document of the repository, in order. @throws Error for a fence without an end. */
export function blocksOf(root: string, document: string): Block[] {
  const blocks: Block[] = [];
  let open:
    | { readonly fence: string; readonly info: string; readonly at: number; readonly lines: string[] }
    | undefined;
  for (const [index, line] of readFileSync(join(root, document), "utf8").split("\n").entries()) {
    const [, fence, info = ""] = /^\s*(`{3,}|~{3,})(.*)$/.exec(line) ?? [];
    if (!open) {
      if (fence) open = { fence, info: info.trim(), at: index + 1, lines: [] };
    } else if (line.trim() === open.fence) {
      const [language = "", ...words] = open.info.split(/\s+/);
      blocks.push({
        place: `${document}:${open.at}`,
        language,
        file: words.find((word) => word.includes(".")),
        host: words.find((word) => !word.includes(".")),
        code: open.lines.join("\n"),
      });
      open = undefined;
    } else {
      open.lines.push(line);
    }
  }
  if (open) throw new Error(`${document}:${open.at}: the block has no end`);
  return blocks;
}

/** The commands of a `sh` block: its lines, those that end in a backslash joined, without empty ones and comments. */
export function commandsOf({ code }: Block): string[] {
  return code
    .replace(/\\\n\s*/g, "")
    .split("\n")
    .map((line) => line.replace(/(^|\s+)#\s.*$/, "").trim())
    .filter((line) => line !== "");
}
