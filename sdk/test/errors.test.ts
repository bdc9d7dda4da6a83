import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { makeError } from "ethers";

import { ContractRevertError, decodeRevert, GasLimitError, lacksGas } from "../src/errors.js";
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

describe("A lack of gas", () => {
  const refusal = (message: string, data?: string) =>
    makeError("missing revert data", "CALL_EXCEPTION", {
      action: "estimateGas",
      data: data ?? null,
      reason: null,
      transaction: { to: null, data: "0x" },
      invocation: null,
      revert: null,
      info: { error: { code: -32000, message, data }, payload: {} },
    });

  for (const said of [
    "gas required exceeds allowance (8000000)",
    "out of gas",
    "exceeds block gas limit",
    "Transaction gas limit is 9000000 and exceeds block gas limit of 8000000",
    "Transaction gas limit (20000000) exceeds transaction gas cap (16777216)",
    "intrinsic gas too high -- tx.gas_limit > env.block.gas_limit",
    "Transaction ran out of gas",
    "EVM error MemoryOOG",
    "transaction gas limit too high (cap: 16777216, tx: 20000000)",
  ]) {
    it(`is what a node means by "${said}"`, () => {
      assert.equal(lacksGas(refusal(said)), true);
      assert.equal(lacksGas({ message: said }), true);
    });
  }

  it("may be behind a revert that says nothing, which is decoded as what it is", () => {
    const error = refusal("execution reverted", "0x");
    assert.equal(decodeRevert(error), error);
    assert.equal(lacksGas(error), true);
    assert.equal(lacksGas(new GasLimitError("too much")), true);
  });

  it("is not what a named refusal, a rate limit or a node that is away means", () => {
    const market = InferenceMarket__factory.createInterface();
    const named = refusal("execution reverted", market.encodeErrorResult("InferenceMarket_Paused"));
    for (const error of [named, refusal("rate limit exceeded"), new Error("connect ECONNREFUSED"), undefined]) {
      assert.equal(lacksGas(error), false);
    }
  });
});
