import { ChildRunner, writeGolden } from "@assay/provider-worker";
import { contentHash } from "@assay/sdk";

import { readBytes, writeBytes } from "../support/files.js";
import { required } from "../support/parse.js";
import { localAction } from "../support/session.js";
import { describeTensors, readTensors } from "../support/tensors.js";

const LIMITS = { timeoutMs: 60_000, memoryMb: 4096 };

/** Runs a model on this machine and writes what came out, for workers to reproduce before they serve it. */
export const golden = localAction(async (given: { file: string; input?: string; save?: string }) => {
  const file = required("--save", given.save);
  const inputs = required("--input", given.input)
    .split(",")
    .map((name) => readTensors("--input", name));
  readBytes("file", given.file);
  const runner = await ChildRunner.start(given.file, LIMITS);
  try {
    const vectors = [];
    for (const input of inputs) vectors.push({ inputs: input, outputs: await runner.run(input) });
    const bytes = writeGolden(vectors);
    writeBytes("--save", file, bytes);
    return {
      saved: file,
      goldenHash: contentHash(bytes),
      inputs: runner.inputs,
      vectors: vectors.map(({ outputs }) => describeTensors(outputs)),
    };
  } finally {
    runner.stop();
  }
});
