import { readFileSync, writeFileSync } from "node:fs";

import { expose } from "@assay/sdk";

// A process of its own: a large file, or one of many nodes, takes seconds. Reads the file named first, writes the one
// named second.

const [source = "", target = ""] = process.argv.slice(2);

try {
  writeFileSync(target, expose(new Uint8Array(readFileSync(source))));
} catch (error) {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
