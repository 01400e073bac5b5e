import { type FileHandle, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DownloadError } from "../engine/errors.ts";
import { whyNotWritten } from "../run/write-file.ts";

/** Where the part of a file is kept: its name says which version it is of, so that it is never taken for another's. */
export function partPath(path: string, hash: string): string {
  return `${path}.${hash.slice(0, 12)}.part`;
}

/**
 * A file that is coming: beside the place where it will be, until all of it is there. What has come stays for the next
 * time.
 */
export class PartFile {
  readonly path: string;
  readonly #target: string;
  readonly #handle: FileHandle;
  #bytes: number;
  #open = true;

  /**
   * Opens the part of a file, and removes those of its other versions.
   *
   * @throws DownloadError where the system refuses, here and below.
   */
  static async open(target: string, hash: string): Promise<PartFile> {
    const path = partPath(target, hash);
    return onDisk(path, async () => {
      for (const name of await readdir(dirname(target))) {
        if (name !== basename(path) && isPartOf(name, basename(target))) await rm(join(dirname(target), name));
      }
      const handle = await open(path, "a");
      return new PartFile(path, target, handle, (await handle.stat()).size);
    });
  }

  private constructor(path: string, target: string, handle: FileHandle, bytes: number) {
    this.path = path;
    this.#target = target;
    this.#handle = handle;
    this.#bytes = bytes;
  }

  /** That have come. */
  get bytes(): number {
    return this.#bytes;
  }

  async append(chunk: Uint8Array): Promise<void> {
    await onDisk(this.path, () => this.#handle.appendFile(chunk));
    this.#bytes += chunk.length;
  }

  /** Forgets what has come. */
  async clear(): Promise<void> {
    if (this.#bytes === 0) return;
    await onDisk(this.path, () => this.#handle.truncate());
    this.#bytes = 0;
  }

  /** Puts the whole file where it belongs, once it is safe on the disk. */
  async finish(): Promise<void> {
    await onDisk(this.path, async () => {
      await this.#handle.sync();
      await this.#close();
      await rename(this.path, this.#target);
    });
  }

  /** Leaves what has come for the next time. */
  async leave(): Promise<void> {
    if (!this.#open) return;
    await this.#close();
    if (this.#bytes === 0) await rm(this.path, { force: true });
  }

  async #close(): Promise<void> {
    this.#open = false;
    await this.#handle.close();
  }
}

function isPartOf(name: string, target: string): boolean {
  return name.startsWith(`${target}.`) && /^[0-9a-f]{12}\.part$/.test(name.slice(target.length + 1));
}

async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new DownloadError(
      `${path} could not be written: ${whyNotWritten(cause)}; what has come stays for the next time`,
      { cause },
    );
  }
}
