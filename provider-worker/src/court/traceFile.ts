import { readFileSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";

import { isAddress } from "ethers";
import { z } from "zod";

const schema = z.record(
  z.string().regex(/^\d+$/),
  z.object({
    /** To trace one result more and to send that. */
    seconds: z.number().positive(),
    /** In which its provider ever set an offer. */
    tokens: z.array(z.string().refine((value) => isAddress(value))),
  }),
);

/** What each model costs a worker that has to answer for its results, by the model's id. */
export type TracedModels = Readonly<z.infer<typeof schema>>;

export function traceFileIn({ dataDir }: { readonly dataDir: string }): TraceFile {
  return new TraceFile(path.join(dataDir, "traces.json"));
}

/** The same for `doctor` and `status`, in a file: the journal is another process's while a worker runs. */
export class TraceFile {
  constructor(private readonly file: string) {}

  /** What is known; nothing where the worker has not run yet, or the file is damaged. */
  read(): TracedModels {
    try {
      return schema.parse(JSON.parse(readFileSync(this.file, "utf8")));
    } catch {
      return {};
    }
  }

  note(modelId: bigint, model: TracedModels[string]): void {
    const half = `${this.file}.new`;
    writeFileSync(half, JSON.stringify({ ...this.read(), [String(modelId)]: model }));
    renameSync(half, this.file);
  }
}
