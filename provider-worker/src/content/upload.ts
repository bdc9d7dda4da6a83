import type { FileHandle } from "node:fs/promises";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Something on its way to disk: kept once it was checked, or else gone. */
export class Upload {
  #bytes = 0;

  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
  ) {}

  static async begin(path: string): Promise<Upload> {
    // Somebody may have removed it to make room.
    await mkdir(dirname(path), { recursive: true });
    return new Upload(path, await open(path, "wx"));
  }

  get bytes(): number {
    return this.#bytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.file.appendFile(chunk);
    this.#bytes += chunk.length;
  }

  /** Keeps it as `target`, durably. */
  async keep(target: string): Promise<void> {
    await this.file.sync();
    await this.file.close();
    await mkdir(dirname(target), { recursive: true });
    await rename(this.path, target);
    await syncFolder(dirname(target));
  }

  /** To be called whatever became of it: removes what was not kept. */
  async end(): Promise<void> {
    await this.file.close();
    await rm(this.path, { force: true });
  }
}

/** So that a new name in it outlives a loss of power. Windows syncs no folders. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
