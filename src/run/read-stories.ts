import { createReadStream, type ReadStream } from "node:fs";
import { createGunzip, type Gunzip } from "node:zlib";
import { type StoryRule, StorySplitter } from "../corpus/story-splitter.ts";
import { TextError } from "../engine/errors.ts";
import type { InputFile } from "./input-files.ts";
import { unreadable } from "./read-text.ts";

const PIECE_BYTES = 1 << 20;

/** How to find the stories of a file. */
export interface StoryForm {
  /** What ends a story in plain text. */
  readonly separator: StoryRule;
  /** The field of a JSON line that holds the story. */
  readonly field: string;
}

/**
 * Reads the stories of some files in order, some at a time, and never holds more of a file than a piece and the story
 * that has not ended.
 *
 * @param onBytes told how many bytes, as they lie on the disk, have been read of all files.
 * @throws TextError naming file and place of what is not UTF-8, damaged or too long; the signal's reason if it comes.
 */
export async function* readStories(
  files: readonly InputFile[],
  { separator, field }: StoryForm,
  signal?: AbortSignal,
  onBytes?: (bytes: number) => void,
): AsyncGenerator<string[]> {
  let before = 0;
  for (const file of files) {
    const name = file.gzip ? `${file.path} (unpacked)` : file.path;
    const splitter = new StorySplitter(name, file.records ? { kind: "record", field } : separator);
    for await (const { piece, bytesRead } of readPieces(file)) {
      signal?.throwIfAborted();
      yield splitter.push(piece);
      onBytes?.(before + bytesRead);
    }
    yield splitter.end();
    before += file.bytes;
  }
}

async function* readPieces({ path, gzip }: InputFile): AsyncGenerator<{ piece: Uint8Array; bytesRead: number }> {
  const file = createReadStream(path, { highWaterMark: PIECE_BYTES });
  const stream = gzip ? unpack(file) : file;
  try {
    for await (const piece of stream) yield { piece, bytesRead: file.bytesRead };
  } catch (cause) {
    const { code = "", message } = cause as NodeJS.ErrnoException;
    if (!code.startsWith("Z_")) throw unreadable(path, cause);
    throw new TextError(`${path} is no whole gzip file (${message}); pack the text again`, { cause });
  } finally {
    file.destroy();
  }
}

function unpack(file: ReadStream): Gunzip {
  const gunzip = createGunzip({ chunkSize: PIECE_BYTES });
  file.on("error", (error) => gunzip.destroy(error));
  return file.pipe(gunzip);
}
