import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ContractRevertError, decodeRevert } from "../src/errors.js";
import { InferenceMarket__factory } from "../src/typechain/index.js";

describe("A decoded revert", () => {
  const market = InferenceMarket__factory.createInterface();

  it("of another output says where to read the right one", () => {
    const output = `0x${"11".repeat(32)}`;
    const data = market.encodeErrorResult("InferenceMarket_OutputMismatch", [7n, output]);
    const error = decodeRevert({ data });
    assert.ok(error instanceof ContractRevertError);
    assert.deepEqual(error.values, { jobId: 7n, outputCommitment: output });
    assert.match(error.message, /: the job has another output: read it from its events$/);
  });
});
