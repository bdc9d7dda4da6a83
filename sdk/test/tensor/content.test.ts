import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cidFromHash, cidOf, contentHash, hashFromCid } from "../../src/tensor/index.js";

const HELLO = new TextEncoder().encode("hello world");
const HELLO_HASH = "0xb94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
const HELLO_CID = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";

describe("content", () => {
  it("has the hash and CID the rest of the world gives it", () => {
    assert.equal(contentHash(HELLO), HELLO_HASH);
    assert.equal(cidOf(HELLO), HELLO_CID);
    assert.equal(cidFromHash(HELLO_HASH), HELLO_CID);
    assert.equal(hashFromCid(HELLO_CID), HELLO_HASH);
    assert.equal(cidOf(new Uint8Array()), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
  });

  it("refuses other kinds of CID", () => {
    const others = [
      "",
      "nonsense",
      HELLO_CID.slice(0, -1),
      "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",
      "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
    ];
    for (const text of others) assert.throws(() => hashFromCid(text), { code: "BAD_CID" }, text);
    assert.throws(() => cidFromHash("0x12"), { code: "BAD_HEX" });
  });
});
