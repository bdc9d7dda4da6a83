import { expect } from "chai";
import { network } from "hardhat";
import {
  bundleRoot,
  canonicaliseNaN,
  commitTensor,
  dtypeSize,
  hashHeader,
  initHash,
  isCanonicalLeaf,
  isWellFormed,
  keccak256Text,
  LEAF_BYTES,
  makeTensor,
  MerkleTree,
  onnxCode,
  proveLeaf,
  toHex,
  verifyLeaf,
  type TensorHeader,
} from "../../sdk/src/tensor/index.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { vectorNamed, vectors, vectorTensor } from "../../sdk/test/tensor/vectors.js";

const { ethers } = await network.create();

describe("TensorCommitment", () => {
  const harness = ethers.deployContract("TensorCommitmentHarness");
  const solidityHeader = (header: TensorHeader): TensorHeader & { dims: number[] } => ({
    ...header,
    dims: [...header.dims],
  });

  before(initHash);

  it("has the constants of the vectors", async () => {
    expect(await (await harness).TENSOR_V1()).to.equal(vectors.constants.TENSOR_V1);
    expect(await (await harness).BUNDLE_V1()).to.equal(vectors.constants.BUNDLE_V1);
  });

  it("knows the size of every data type, and no other", async () => {
    const sizes = new Map(vectors.tensors.map(({ dtype }) => [onnxCode(dtype), dtypeSize(dtype)]));
    for (const code of [...Array(34).keys(), 255]) {
      expect(await (await harness).elementBytes(code), `code ${code}`).to.equal(sizes.get(code) ?? 0);
    }
  });

  for (const vector of vectors.tensors) {
    it(`reproduces "${vector.name}"`, async () => {
      const tensor = canonicaliseNaN(vectorTensor(vector));
      const library = await harness;
      expect(await library.tensorRoot(solidityHeader(vector.header))).to.equal(vector.root);
      expect(await library.hashHeader(solidityHeader(vector.header))).to.equal(vector.root);
      expect(await library.rootOfData(tensor.data)).to.equal(vector.header.merkleRoot);
      expect(await library.tensorRootOfData(vector.header.dtype, [...tensor.dims], tensor.data)).to.equal(vector.root);
    });
  }

  it("verifies every proof of the vectors", async () => {
    for (const { tensor: name, index, proof } of vectors.proofs) {
      const { header } = vectorNamed(name);
      const { leaf } = proveLeaf(commitTensor(vectorTensor(vectorNamed(name))), index);
      const library = await harness;
      expect(await library.verifyLeaf(header.merkleRoot, leaf, index, header.nLeaves, [...proof])).to.equal(true);
      await library.requireLeaf(solidityHeader(header), leaf, index, [...proof]);
    }
  });

  it("reproduces the bundles of the vectors", async () => {
    for (const { entries, root } of vectors.bundles) {
      const names = entries.map(({ name }) => keccak256Text(name));
      const roots = entries.map(({ tensor }) => vectorNamed(tensor).root);
      expect(await (await harness).bundleRoot(names, roots)).to.equal(root);
    }
  });

  it("agrees with the SDK on random tensors and bundles", async () => {
    const random = new Random(7);
    const library = await harness;
    let entries: { name: string; root: string }[] = [];
    for (let round = 0; round < 60; round++) {
      const { tensor, header, root } = commitTensor(random.tensor(7000));
      expect(await library.tensorRootOfData(header.dtype, [...tensor.dims], tensor.data)).to.equal(root);
      expect(await library.tensorRoot(solidityHeader(header))).to.equal(root);
      entries = [...entries, { name: `t${round}`, root }].slice(-random.below(7));
      const names = entries.map(({ name }) => keccak256Text(name));
      expect(
        await library.bundleRoot(
          names,
          entries.map((entry) => entry.root),
        ),
      ).to.equal(bundleRoot(entries));
    }
  });

  it("agrees with the SDK on trees over leaves of any length", async () => {
    const random = new Random(8);
    const library = await harness;
    for (let count = 0; count <= 18; count++) {
      const leaves = Array.from({ length: count }, () => random.bytes(random.below(100)));
      expect(await library.rootOfLeaves(leaves)).to.equal(MerkleTree.fromLeaves(leaves).root);
    }
  });

  it("agrees with the SDK on whether a random header is well-formed, and on its hash", async () => {
    const random = new Random(9);
    const library = await harness;
    let formed = 0;
    for (let round = 0; round < 200; round++) {
      const { header } = commitTensor(random.tensor(3000));
      const dims = [...header.dims];
      const mutations: (() => TensorHeader)[] = [
        () => header,
        () => ({ ...header, dtype: random.below(20) }),
        () => ({ ...header, rank: random.below(11) }),
        () => ({ ...header, dims: dims.with(random.below(8), random.pick([0, 1, 2, 0xffffffff])) }),
        () => ({ ...header, dims: dims.fill(0xffffffff), rank: 8 }),
        () => ({ ...header, layout: random.below(3) }),
        () => ({ ...header, chunkElems: header.chunkElems + random.below(3) - 1 }),
        () => ({ ...header, nLeaves: Math.max(0, header.nLeaves + random.below(3) - 1) }),
        () => ({ ...header, merkleRoot: toHex(random.bytes(32)) }),
      ];
      const mutated = random.pick(mutations)();
      const expected = isWellFormed(mutated);
      formed += Number(expected);
      expect(await library.isWellFormed(solidityHeader(mutated)), JSON.stringify(mutated)).to.equal(expected);
      expect(await library.hashHeader(solidityHeader(mutated))).to.equal(hashHeader(mutated));
      if (!expected) {
        await expect(library.tensorRoot(solidityHeader(mutated))).to.be.revertedWithCustomError(
          library,
          "TensorCommitment_MalformedHeader",
        );
      }
    }
    expect(formed).to.be.within(20, 180);
  });

  it("agrees with the SDK on whether a leaf is canonical", async () => {
    const random = new Random(12);
    const library = await harness;
    const special = [0x00, 0x01, 0x7c, 0x7e, 0x7f, 0x80, 0xc0, 0xf0, 0xf8, 0xfe, 0xff];
    const verdicts = { yes: 0, no: 0 };
    for (let round = 0; round < 400; round++) {
      const commitment = commitTensor(random.tensor(2000));
      const { nLeaves } = commitment.header;
      if (nLeaves === 0) continue;
      const index = random.below(nLeaves);
      const { leaf } = proveLeaf(commitment, index);
      const honest = round % 8 === 0;
      if (!honest) {
        const at = random.below(LEAF_BYTES / 8) * 8;
        for (let i = at; i < at + 8; i++) leaf[i] = random.pick(special);
        if (random.below(2) === 0) leaf.fill(0, at, at + 5);
      }
      const expected = isCanonicalLeaf(commitment.header, leaf, index);
      if (honest) expect(expected).to.equal(true);
      verdicts[expected ? "yes" : "no"]++;
      expect(await library.isCanonicalLeaf(solidityHeader(commitment.header), leaf, index), toHex(leaf)).to.equal(
        expected,
      );
    }
    expect(verdicts.yes).to.be.greaterThan(50);
    expect(verdicts.no).to.be.greaterThan(50);
  });

  it("tells canonical float16 leaves from others around infinity", async () => {
    const library = await harness;
    const header = solidityHeader(commitTensor(makeTensor("float16", [512], new Uint8Array(1024))).header);
    for (let high = 0x7b; high <= 0x7f; high++) {
      for (const sign of [0, 0x80]) {
        for (const low of [0x00, 0x01, 0x80, 0xff]) {
          const leaf = new Uint8Array(LEAF_BYTES);
          leaf.set([low, high | sign], 510);
          const isNaN16 = high > 0x7c || (high === 0x7c && low !== 0);
          const expected = high < 0x7c || !isNaN16 || (high === 0x7e && low === 0 && sign === 0);
          expect(await library.isCanonicalLeaf(header, leaf, 0), `${high} ${low} ${sign}`).to.equal(expected);
          expect(isCanonicalLeaf(header, leaf, 0)).to.equal(expected);
        }
      }
    }
    expect(await library.isCanonicalLeaf(header, new Uint8Array(1023), 0)).to.equal(false);
  });

  describe("proofs that must fail", () => {
    for (const nLeaves of [1, 2, 3, 5, 8, 13]) {
      it(`over ${nLeaves} leaves`, async () => {
        const library = await harness;
        const random = new Random(nLeaves);
        const data = random.bytes(nLeaves * LEAF_BYTES);
        const commitment = commitTensor(makeTensor("uint8", [data.length], data));
        const { merkleRoot } = commitment.header;
        const index = random.below(nLeaves);
        const { leaf, proof } = proveLeaf(commitment, index);
        const holds = async (
          i: number | bigint,
          n: number | bigint,
          p: readonly string[],
          l = leaf,
        ): Promise<boolean> => library.verifyLeaf(merkleRoot, l, i, n, [...p]);

        expect(await holds(index, nLeaves, proof)).to.equal(true);
        for (let other = 0; other <= nLeaves; other++) {
          if (other !== index) expect(await holds(other, nLeaves, proof), `index ${other}`).to.equal(false);
        }
        expect(await holds(BigInt(index) + 2n ** 255n, nLeaves, proof)).to.equal(false);
        expect(await holds(index, 0, proof)).to.equal(false);
        expect(await holds(index, nLeaves, [...proof, merkleRoot])).to.equal(false);
        if (proof.length > 0) expect(await holds(index, nLeaves, proof.slice(0, -1))).to.equal(false);
        expect(await holds(index, nLeaves, proof, leaf.subarray(1))).to.equal(false);
        expect(await holds(index, nLeaves, proof, Uint8Array.of(...leaf, 0))).to.equal(false);
        expect(
          await holds(
            index,
            nLeaves,
            proof,
            leaf.map((byte, i) => (i === 500 ? byte ^ 1 : byte)),
          ),
        ).to.equal(false);
        // Another count may give the same path, but never another verdict than the SDK's; the header fixes it.
        for (const count of [1, 2, 3, 4, 5, 8, 13, 14, 2 ** 32 - 1]) {
          expect(await holds(index, count, proof), `count ${count}`).to.equal(
            verifyLeaf(merkleRoot, leaf, index, count, proof),
          );
        }
        expect(await holds(index, 2n ** 256n - 1n, proof)).to.equal(false);
      });
    }

    it("an inner node as a leaf", async () => {
      const library = await harness;
      const data = new Random(10).bytes(4 * LEAF_BYTES);
      const { header, tree } = commitTensor(makeTensor("uint8", [data.length], data));
      const [right, upper] = tree.proof(0) as [string, string];
      const [left] = tree.proof(1) as [string];
      const inner = ethers.concat([left, right]);
      expect(await library.nodeHash(left, right)).to.not.equal(await library.leafHash(inner));
      expect(await library.verifyLeaf(header.merkleRoot, inner, 0, 2, [upper])).to.equal(false);
      expect(await library.verifyLeaf(header.merkleRoot, `0x01${inner.slice(2)}`, 0, 2, [upper])).to.equal(false);
    });

    it("through requireLeaf", async () => {
      const library = await harness;
      const commitment = commitTensor(makeTensor("float32", [2, 300], new Random(11).bytes(2400)));
      const header = solidityHeader(commitment.header);
      const { leaf, proof } = proveLeaf(commitment, 1);
      await expect(library.requireLeaf(header, leaf.subarray(4), 1, [...proof]))
        .to.be.revertedWithCustomError(library, "TensorCommitment_WrongLeafLength")
        .withArgs(1020, 1024);
      await expect(library.requireLeaf(header, leaf, 0, [...proof])).to.be.revertedWithCustomError(
        library,
        "TensorCommitment_InvalidProof",
      );
      await expect(library.requireLeaf({ ...header, nLeaves: 1 }, leaf, 1, [...proof])).to.be.revertedWithCustomError(
        library,
        "TensorCommitment_InvalidProof",
      );
    });
  });

  it("refuses data that is no tensor, and bundles that do not pair up", async () => {
    const library = await harness;
    await expect(library.tensorRootOfData(8, [1], "0x00"))
      .to.be.revertedWithCustomError(library, "TensorCommitment_UnsupportedDtype")
      .withArgs(8);
    await expect(library.tensorRootOfData(2, Array<number>(9).fill(1), "0x00"))
      .to.be.revertedWithCustomError(library, "TensorCommitment_RankTooLarge")
      .withArgs(9);
    for (const data of ["0x", "0x000000", "0x0000000000", `0x${"00".repeat(8)}`]) {
      await expect(library.tensorRootOfData(1, [], data)).to.be.revertedWithCustomError(
        library,
        "TensorCommitment_WrongDataLength",
      );
    }
    const huge = Array<number>(8).fill(0xffffffff);
    await expect(library.tensorRootOfData(7, huge, "0x00")).to.be.revertedWithCustomError(
      library,
      "TensorCommitment_WrongDataLength",
    );
    await expect(library.bundleRoot([ethers.ZeroHash], []))
      .to.be.revertedWithCustomError(library, "TensorCommitment_WrongBundleLength")
      .withArgs(1, 0);
  });
});
