import assert from "node:assert/strict";

import { ChildRunner } from "../../src/inference/runner.js";

// Run as a program: tries to load the file named, and should end by itself once that failed.

const [file = ""] = process.argv.slice(2);
await assert.rejects(ChildRunner.start(file, { timeoutMs: 20_000, memoryMb: 1000 }), { reason: "rejected" });
