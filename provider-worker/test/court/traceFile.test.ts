import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import { traceFileIn } from "../../src/court/traceFile.js";
import { address } from "../support/scene.js";

const MODEL = { seconds: 0.35, tokens: [address(1)] };

describe("What answering for a result costs", () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(path.join(tmpdir(), "assay-traces-"));
  });
  afterEach(() => {
    rmSync(dataDir, { recursive: true });
  });
  const file = () => traceFileIn({ dataDir });

  it("is there for another process, of each model the last, and nothing else", () => {
    file().note(1n, { ...MODEL, seconds: 9 });
    file().note(2n, MODEL);
    file().note(1n, MODEL);
    assert.deepEqual(file().read(), { 1: MODEL, 2: MODEL });
    assert.deepEqual(readdirSync(dataDir), ["traces.json"]);
  });

  it("is not known where no worker has run yet, or the file is damaged, which the next one makes anew", () => {
    assert.deepEqual(file().read(), {});
    for (const damaged of ["", '{"1":', "[]", '{"1":{"seconds":-1,"tokens":[]}}', '{"x":{"seconds":1,"tokens":[]}}']) {
      writeFileSync(path.join(dataDir, "traces.json"), damaged);
      assert.deepEqual(file().read(), {});
    }
    file().note(1n, MODEL);
    assert.deepEqual(file().read(), { 1: MODEL });
  });
});
