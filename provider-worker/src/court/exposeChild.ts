import { readFile, writeFile } from "node:fs/promises";

import { expose } from "@assay/sdk";

import { answerParent } from "./childAnswer.js";

// A process of its own: a large file, or one of many nodes, takes seconds. Reads the file named first, writes the one
// named second.

const [source = "", target = ""] = process.argv.slice(2);

await answerParent(async () => {
  await writeFile(target, expose(await readFile(source)));
});
