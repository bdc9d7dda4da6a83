import type { FileHandle } from "node:fs/promises";
import { open, rename, rm } from "node:fs/promises";

/** Something on its way to disk: kept once it was checked, or else gone. */
export class Upload {
  #bytes = 0;

  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
  ) {}

  static async begin(path: string): Promise<Upload> {
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
    await rename(this.path, target);
  }

  /** To be called whatever became of it: removes what was not kept. */
  async end(): Promise<void> {
    await this.file.close();
    await rm(this.path, { force: true });
  }
}
