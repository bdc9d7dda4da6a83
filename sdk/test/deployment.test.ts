import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { CONTRACT_NAMES, parseDeployment } from "../src/deployment.js";
import { AssayError } from "../src/errors.js";

const ADDRESSES = Object.fromEntries(CONTRACT_NAMES.map((name, i) => [name, `0x${String(i + 10).repeat(20)}`]));

describe("A deployment", () => {
  it("has the block of its first contract where its file says it", () => {
    assert.equal(parseDeployment({ ...ADDRESSES, block: 123 }).block, 123);
    assert.ok(!("block" in parseDeployment(ADDRESSES)));
  });

  for (const block of [-1, 1.5, "123", null]) {
    it(`is refused with block ${JSON.stringify(block)}`, () => {
      assert.throws(() => parseDeployment({ ...ADDRESSES, block }), AssayError);
    });
  }
});
