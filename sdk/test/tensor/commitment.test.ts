import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { AbiCoder, concat, id, keccak256 as ethersKeccak256 } from "ethers";
import {
  BUNDLE_V1,
  bundleRoot,
  commitBundle,
  commitTensor,
  DTYPE_NAMES,
  fromNumbers,
  hashHeader,
  initHash,
  isCanonicalLeaf,
  isFastHash,
  isWellFormed,
  keccak256,
  LEAF_BYTES,
  locateElement,
  makeTensor,
  MerkleTree,
  onnxCode,
  proveLeaf,
  TENSOR_V1,
  TensorError,
  tensorRoot,
  toHex,
  verifyLeaf,
  type Tensor,
  type TensorHeader,
} from "../../src/tensor/index.js";
import { Random } from "./random.js";
import { vectorNamed, vectors, vectorTensor } from "./vectors.js";

// A second implementation, by recursion and with ethers only, straight from the text of RFC 6962.
function referenceTree(leaves: readonly Uint8Array[]): string {
  if (leaves.length === 0) return `0x${"00".repeat(32)}`;
  if (leaves.length === 1) return ethersKeccak256(concat(["0x00", leaves[0] as Uint8Array]));
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return ethersKeccak256(concat(["0x01", referenceTree(leaves.slice(0, split)), referenceTree(leaves.slice(split))]));
}

function referenceRoot(tensor: Tensor, leafBytes = 1024): string {
  const leaves: Uint8Array[] = [];
  for (let at = 0; at < tensor.data.length; at += leafBytes) {
    const leaf = new Uint8Array(leafBytes);
    leaf.set(tensor.data.subarray(at, at + leafBytes));
    leaves.push(leaf);
  }
  const size = tensor.data.length === 0 ? 0 : tensor.data.length / tensor.dims.reduce((a, b) => a * b, 1);
  const dims = [...tensor.dims, ...Array<number>(8 - tensor.dims.length).fill(0)];
  const perLeaf = size === 0 ? commitTensor(tensor).header.chunkElems : leafBytes / size;
  return ethersKeccak256(
    AbiCoder.defaultAbiCoder().encode(
      ["bytes32", "uint8", "uint8", "uint32[8]", "uint8", "uint32", "uint32", "bytes32"],
      [
        id("assay.tensor.v1"),
        onnxCode(tensor.dtype),
        tensor.dims.length,
        dims,
        0,
        perLeaf,
        leaves.length,
        referenceTree(leaves),
      ],
    ),
  );
}

describe("hash", () => {
  it("agrees with ethers before and after the fast one is loaded", async () => {
    const data = new Random(1).bytes(5000);
    assert.equal(toHex(keccak256(data)), ethersKeccak256(data));
    await initHash();
    assert.equal(isFastHash(), true);
    assert.equal(toHex(keccak256(data)), ethersKeccak256(data));
    assert.equal(toHex(keccak256(new Uint8Array())), ethersKeccak256("0x"));
  });
});

describe("tensor commitments", () => {
  before(initHash);

  it("has the constants of the vectors", () => {
    assert.deepEqual({ TENSOR_V1, BUNDLE_V1, LEAF_BYTES }, vectors.constants);
    assert.ok(!/^0x0[01]/.test(TENSOR_V1), "must not start like a leaf or a node");
  });

  for (const vector of vectors.tensors) {
    it(`reproduces "${vector.name}"`, () => {
      const { header, root, tensor } = commitTensor(vectorTensor(vector));
      assert.deepEqual(header, vector.header);
      assert.equal(root, vector.root);
      if (vector.canonical !== undefined) assert.equal(toHex(tensor.data), vector.canonical);
      assert.equal(referenceRoot(tensor), vector.root);
      assert.equal(isWellFormed(header), true);
    });
  }

  it("covers every dtype, rank and different roots", () => {
    assert.deepEqual(new Set(vectors.tensors.map(({ dtype }) => dtype)), new Set(DTYPE_NAMES));
    assert.deepEqual(new Set(vectors.tensors.map(({ dims }) => dims.length)), new Set([0, 1, 2, 3, 4, 5, 6, 7, 8]));
    const roots = vectors.tensors.map(({ root }) => root);
    // "leaves 8" and the like differ in dims only; every vector is another tensor.
    assert.equal(new Set(roots).size, roots.length);
  });

  it("agrees with the reference on random tensors", () => {
    const random = new Random(2);
    for (let round = 0; round < 150; round++) {
      const { tensor, root } = commitTensor(random.tensor(6000));
      assert.equal(root, referenceRoot(tensor));
    }
  });

  it("does not depend on the alignment of the bytes", () => {
    const random = new Random(3);
    for (let round = 0; round < 50; round++) {
      const tensor = random.tensor(3000);
      const shifted = new Uint8Array(tensor.data.length + 3).subarray(3);
      shifted.set(tensor.data);
      assert.equal(tensorRoot(makeTensor(tensor.dtype, tensor.dims, shifted)), tensorRoot(tensor));
    }
  });

  it("rejects headers no honest party commits to", () => {
    const { header } = commitTensor(
      fromNumbers(
        "float32",
        [300, 2],
        Array.from({ length: 600 }, (_, i) => i),
      ),
    );
    const bad: Partial<TensorHeader>[] = [
      { dtype: 8 },
      { dtype: 16 },
      { dtype: 255 },
      { rank: 9 },
      { rank: 1 },
      { layout: 1 },
      { chunkElems: 255 },
      { chunkElems: 0 },
      { nLeaves: 2 },
      { nLeaves: 4 },
      { nLeaves: 0 },
      { dims: [300, 2, 1, 0, 0, 0, 0, 0] },
      { dims: [0, 2, 0, 0, 0, 0, 0, 0], nLeaves: 0 },
    ];
    for (const change of bad) {
      assert.equal(isWellFormed({ ...header, ...change }), false, JSON.stringify(change));
      assert.notEqual(hashHeader({ ...header, ...change }), hashHeader(header));
    }
  });

  it("tells leaves an honest party commits to from others", () => {
    const commitment = commitTensor(makeTensor("bool", [2, 520], new Uint8Array(1040)));
    const holds = (index: number, at: number, value: number): boolean => {
      const { leaf } = proveLeaf(commitment, index);
      leaf[at] = value;
      return isCanonicalLeaf(commitment.header, leaf, index);
    };
    assert.equal(holds(1, 15, 1), true);
    assert.equal(holds(1, 15, 2), false, "bool of 2");
    assert.equal(holds(1, 16, 1), false, "padding");
    assert.equal(holds(0, 1023, 1), true);
    const { header } = commitTensor(makeTensor("float64", [1], new Uint8Array(8)));
    const nan = new Uint8Array(LEAF_BYTES);
    nan.set([0xf8, 0x7f], 6);
    assert.equal(isCanonicalLeaf(header, nan, 0), true);
    nan[0] = 1;
    assert.equal(isCanonicalLeaf(header, nan, 0), false, "NaN with a payload");
    assert.equal(isCanonicalLeaf(header, new Uint8Array(LEAF_BYTES - 1), 0), false, "length");
  });

  it("locates elements", () => {
    const commitment = commitTensor(
      fromNumbers(
        "int64",
        [3, 100],
        Array.from({ length: 300 }, (_, i) => i),
      ),
    );
    for (const element of [0, 1, 127, 128, 255, 256, 299]) {
      const { leafIndex, byteOffset } = locateElement(commitment.header, element);
      const { leaf } = proveLeaf(commitment, leafIndex);
      assert.equal(new DataView(leaf.buffer).getBigInt64(byteOffset, true), BigInt(element));
    }
    assert.throws(() => locateElement(commitment.header, 300), TensorError);
    assert.throws(() => locateElement(commitment.header, -1), TensorError);
  });
});

describe("leaf proofs", () => {
  for (const { tensor: name, index, proof } of vectors.proofs) {
    it(`reproduces leaf ${index} of "${name}"`, () => {
      const vector = vectorNamed(name);
      const made = proveLeaf(commitTensor(vectorTensor(vector)), index);
      assert.deepEqual(made.proof, proof);
      assert.equal(verifyLeaf(vector.header.merkleRoot, made.leaf, index, vector.header.nLeaves, proof), true);
    });
  }

  it("come out of a tree that was made from another's levels as out of that one", () => {
    for (let nLeaves = 0; nLeaves <= 9; nLeaves++) {
      const data = new Random(nLeaves).bytes(nLeaves * LEAF_BYTES);
      const { tree } = commitTensor(makeTensor("uint8", [data.length], data));
      const copy = MerkleTree.fromLevels(structuredClone(tree.levels));
      assert.deepEqual([copy.root, copy.leafCount], [tree.root, nLeaves]);
      for (let index = 0; index < nLeaves; index++) assert.deepEqual(copy.proof(index), tree.proof(index));
    }
  });

  it("holds only for the right leaf, index, count and length", () => {
    for (let nLeaves = 1; nLeaves <= 20; nLeaves++) {
      const data = new Random(nLeaves).bytes(nLeaves * LEAF_BYTES);
      const commitment = commitTensor(makeTensor("uint8", [data.length], data));
      const root = commitment.header.merkleRoot;
      for (let index = 0; index < nLeaves; index++) {
        const { leaf, proof } = proveLeaf(commitment, index);
        const holds = (i: number, n: number, p: readonly string[], l = leaf): boolean => verifyLeaf(root, l, i, n, p);
        assert.equal(holds(index, nLeaves, proof), true);
        for (let other = -1; other <= nLeaves; other++) {
          if (other !== index) assert.equal(holds(other, nLeaves, proof), false);
        }
        assert.equal(holds(index, nLeaves, [...proof, root]), false);
        if (proof.length > 0) assert.equal(holds(index, nLeaves, proof.slice(0, -1)), false);
        if (proof.length > 0) assert.equal(holds(index, nLeaves, proof.slice(1)), false);
        assert.equal(holds(index, 0, proof), false);
        assert.equal(holds(index, nLeaves, proof, leaf.subarray(1)), false);
        assert.equal(holds(index, nLeaves, proof, Uint8Array.of(...leaf, 0)), false);
      }
    }
  });

  it("does not pass an inner node off as a leaf", () => {
    const data = new Random(4).bytes(4 * LEAF_BYTES);
    const { header, tree } = commitTensor(makeTensor("uint8", [data.length], data));
    const [right, upper] = tree.proof(0) as [string, string];
    const [left] = tree.proof(1) as [string];
    const inner = Buffer.from(`${left.slice(2)}${right.slice(2)}`, "hex");
    assert.equal(verifyLeaf(header.merkleRoot, inner, 0, 2, [upper]), false);
    assert.equal(verifyLeaf(header.merkleRoot, Uint8Array.of(1, ...inner), 0, 2, [upper]), false);
  });

  it("refuses a leaf that is not there", () => {
    const commitment = commitTensor(makeTensor("uint8", [5], new Uint8Array(5)));
    for (const index of [1, -1, 0.5]) assert.throws(() => proveLeaf(commitment, index), { code: "BAD_INDEX" });
    assert.throws(() => proveLeaf(commitTensor(makeTensor("uint8", [0], new Uint8Array())), 0), { code: "BAD_INDEX" });
  });
});

describe("bundles", () => {
  for (const { entries, root } of vectors.bundles) {
    it(`reproduces [${entries.map(({ name }) => name).join(", ")}]`, () => {
      const tensors = new Map(entries.map(({ name, tensor }) => [name, vectorTensor(vectorNamed(tensor))]));
      const bundle = commitBundle(
        tensors,
        entries.map(({ name }) => name),
      );
      assert.equal(bundle.root, root);
      const expected = AbiCoder.defaultAbiCoder().encode(
        ["bytes32", "bytes32[]", "bytes32[]"],
        [id("assay.bundle.v1"), entries.map(({ name }) => id(name)), bundle.tensors.map(({ root: each }) => each)],
      );
      assert.equal(root, ethersKeccak256(expected));
    });
  }

  it("takes exactly the tensors of the signature", () => {
    const scalar = fromNumbers("int32", [], [7]);
    const tensors = new Map([
      ["a", scalar],
      ["b", scalar],
    ]);
    assert.throws(() => commitBundle(tensors, ["a"]), { code: "BAD_NAME", message: /not in the signature: b/ });
    assert.throws(() => commitBundle(tensors, ["a", "b", "c"]), { code: "BAD_NAME", message: /"c" is missing/ });
    assert.throws(() => commitBundle(tensors, ["a", "b", "a"]), { code: "BAD_NAME", message: /twice/ });
    assert.throws(() => bundleRoot([{ name: "\ud800", root: TENSOR_V1 }]), { code: "BAD_NAME" });
    assert.throws(() => bundleRoot([{ name: "a", root: "0x12" }]), { code: "BAD_HEX" });
  });
});
