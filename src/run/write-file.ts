import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { SaveError } from "../engine/errors.ts";

/**
 * Writes a file whole or not at all: into a temporary file beside it, flushed to the disk, then renamed. A crash at
 * any instant leaves what was there before, or the new file.
 *
 * @param beforeRename called when all is written, and about to take the place of what was there before.
 * @throws SaveError naming the path, for example where the disk is full.
 */
export function writeWhole(path: string, chunks: Iterable<Uint8Array>, beforeRename?: () => void): void {
  const temporary = `${path}.${process.pid}.tmp`;
  saving(path, () => {
    try {
      const file = openSync(temporary, "w");
      try {
        for (const chunk of chunks) {
          for (let at = 0; at < chunk.length; ) at += writeSync(file, chunk, at);
        }
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      beforeRename?.();
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  });
}

/** Does what writes a file. @throws SaveError naming the path, for whatever the system says against it. */
export function saving(path: string, write: () => void): void {
  try {
    write();
  } catch (cause) {
    throw new SaveError(`${path} could not be written: ${whyNotWritten(cause)}`, { cause });
  }
}

/** Why the system did not write, in words that follow a colon. */
export function whyNotWritten(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  return (code && reasons[code]) ?? message;
}

/** What a system's error code means for someone who wants something written. */
const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "there is no space left on the disk",
  EDQUOT: "the quota on this disk is used up",
  EFBIG: "a file may not become so large here",
  EROFS: "this disk can only be read",
  EACCES: "there is no permission for it",
  EPERM: "there is no permission for it",
  EISDIR: "it is a folder",
  ENOENT: "there is no such folder",
  ENOTDIR: "there is no such folder",
};
