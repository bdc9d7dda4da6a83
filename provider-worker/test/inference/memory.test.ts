import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";

import { residentMb } from "../../src/inference/memory.js";

describe("The resident memory of a process", () => {
  let proc: string;
  before(() => {
    proc = mkdtempSync(path.join(tmpdir(), "assay-proc-"));
  });
  after(() => {
    rmSync(proc, { recursive: true });
  });

  it("is what the system says in kB, however large its pages are", () => {
    mkdirSync(path.join(proc, "7"));
    // 32 MiB in pages of 64 KiB.
    writeFileSync(path.join(proc, "7", "statm"), "2000 512 64 1 0 900 0\n");
    writeFileSync(
      path.join(proc, "7", "status"),
      "Name:\tnode\nVmHWM:\t   99999 kB\nVmRSS:\t   32768 kB\nRssAnon:\t 1 kB\n",
    );
    assert.equal(residentMb(7, proc), 32);
  });

  it("is none of a process that is gone, or that has no memory any more", () => {
    assert.equal(residentMb(8, proc), 0);
    assert.equal(residentMb(undefined, proc), 0);
    mkdirSync(path.join(proc, "9"));
    writeFileSync(path.join(proc, "9", "status"), "Name:\tnode\nState:\tZ (zombie)\n");
    assert.equal(residentMb(9, proc), 0);
  });

  it("is that of this process", { skip: process.platform !== "linux" && "it reads /proc" }, () => {
    const { rss } = process.memoryUsage();
    const found = residentMb(process.pid) * 2 ** 20;
    assert.ok(found > rss / 2 && found < rss * 2, `${found} and ${rss}`);
  });
});
