import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { courtBatches } from "../../src/index.js";

const calls = (count: number, bytes: number) =>
  Array.from({ length: count }, (_, i) => ({ i, data: `0x${"11".repeat(bytes)}` }));

describe("Batches of calls of the proof court", () => {
  it("have all calls in their order, each once", () => {
    const given = [...calls(200, 300), ...calls(3, 60_000)];
    assert.deepEqual(courtBatches(given).flat(), given);
  });

  it("are no longer than a transaction may be, nor take more gas", () => {
    for (const [bytes, most] of [
      [68_000, 1],
      [60_000, 2],
      [300, 124],
    ] as const) {
      assert.deepEqual(
        courtBatches(calls(2 * most + 1, bytes)).map((batch) => batch.length),
        [most, most, 1],
      );
    }
  });

  it("are none where there are no calls", () => {
    assert.deepEqual(courtBatches([]), []);
  });
});
