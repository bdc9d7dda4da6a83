import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import {
  commitBundle,
  initHash,
  makeTensor,
  MAX_BUNDLE_TENSORS,
  packBundle,
  serialiseBundle,
  serialiseSafetensors,
  unpackBundle,
} from "../../src/index.js";

const namesOf = (count: number) => Array.from({ length: count }, (_, i) => `tensor ${i}`);
const emptyTensors = (names: readonly string[]) =>
  new Map(names.map((name) => [name, makeTensor("uint8", [0], new Uint8Array())]));

describe("The file of a bundle", () => {
  before(() => initHash());

  it("holds as many tensors as a bundle may have", () => {
    const names = namesOf(MAX_BUNDLE_TENSORS);
    const { bytes, root } = packBundle(emptyTensors(names), names);
    assert.deepEqual(unpackBundle(bytes).names, names);
    assert.equal(unpackBundle(bytes).root, root);
    assert.deepEqual(serialiseBundle(emptyTensors(names), names), bytes);
  });

  it("is refused for one tensor more, whether packed or unpacked", () => {
    const names = namesOf(MAX_BUNDLE_TENSORS + 1);
    const tensors = emptyTensors(names);
    const tooMany = { name: "TensorError", code: "TOO_LARGE", message: /257 tensors exceed/ };
    assert.throws(() => commitBundle(tensors, names), tooMany);
    assert.throws(() => packBundle(tensors, names), tooMany);
    const file = serialiseSafetensors(tensors, new Map([["assay.signature", JSON.stringify(names)]]));
    assert.throws(() => unpackBundle(file), tooMany);
  });

  it("is refused for their number before any tensor is looked at", () => {
    const header = Buffer.from(JSON.stringify(Object.fromEntries(namesOf(15_000).map((name) => [name, "nonsense"]))));
    const file = Buffer.concat([Buffer.alloc(8), header]);
    file.writeBigUInt64LE(BigInt(header.length));
    assert.throws(() => unpackBundle(file), { code: "TOO_LARGE", message: /15000 tensors exceed/ });
  });
});
