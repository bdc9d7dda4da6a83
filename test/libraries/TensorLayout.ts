import { expect } from "chai";
import { network } from "hardhat";

import type { DType, TensorHeader } from "../../sdk/src/tensor/index.js";
import {
  arrange,
  chunking,
  commitTensor,
  dtypeSize,
  initHash,
  isCanonicalLeaf,
  isWellFormed,
  Layout,
  locate,
  locateElement,
  makeTensor,
  onnxCode,
  proveLeaf,
} from "../../sdk/src/tensor/index.js";
import { Random } from "../../sdk/test/tensor/random.js";

const { ethers } = await network.create();
const ZERO_ROOT = `0x${"00".repeat(32)}` as const;
const WIDE = [Layout.Pixels, Layout.Columns, Layout.Filters, Layout.Rows] as const;
const REVERSED = [Layout.ColumnsReversed, Layout.FiltersReversed] as const;

describe("TensorLayout", () => {
  const harness = ethers.deployContract("TensorCommitmentHarness");
  const forSolidity = (header: TensorHeader): TensorHeader & { dims: number[] } => ({
    ...header,
    dims: [...header.dims],
  });
  const headerOf = (layout: number, dims: readonly number[], dtype: DType, changes = {}): TensorHeader => {
    const cut = chunking(layout, dims, dtypeSize(dtype));
    return {
      dtype: onnxCode(dtype),
      rank: dims.length,
      dims: Array.from({ length: 8 }, (_, axis) => dims[axis] ?? 0),
      layout,
      chunkElems: cut?.chunkElems ?? 0,
      nLeaves: cut?.nLeaves ?? 0,
      merkleRoot: ZERO_ROOT,
      ...changes,
    };
  };

  before(initHash);

  it("gives each layout the leaves of its definition", () => {
    // 2 images, 3 channels, 2 places: the value says image, channel and place.
    const dims = [2, 3, 1, 2];
    const data = Uint8Array.from([0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121]);
    const rows = (layout: Layout, size: number) => {
      const { leafBytes, nLeaves } = chunking(layout, dims, 1) ?? { leafBytes: 0, nLeaves: 0 };
      const leaves = arrange(layout, dims, 1, data);
      return Array.from({ length: nLeaves }, (_, i) => [...leaves.subarray(i * leafBytes, i * leafBytes + size)]);
    };
    expect(rows(Layout.Pixels, 4)).to.deep.equal([
      [0, 10, 20, 0],
      [1, 11, 21, 0],
      [100, 110, 120, 0],
      [101, 111, 121, 0],
    ]);
    expect(rows(Layout.Filters, 7)).to.deep.equal([
      [0, 10, 20, 1, 11, 21, 0],
      [100, 110, 120, 101, 111, 121, 0],
    ]);
    expect(rows(Layout.Rows, 3)).to.deep.equal([0, 10, 20, 100, 110, 120].map((first) => [first, first + 1, 0]));
    expect(rows(Layout.Columns, 2)[1]).to.deep.equal([1, 0]);
    expect(rows(Layout.FiltersReversed, 64)[0]).to.deep.equal(
      [0, 1].flatMap((place) => [...Array<number>(28).fill(0), place, 10 + place, 20 + place, 0]),
    );
  });

  it("cuts, locates and arranges as the SDK does, whatever the shape", async () => {
    const random = new Random(11);
    const library = await harness;
    for (let round = 0; round < 120; round++) {
      const layout = random.below(7);
      const reversed = (REVERSED as readonly number[]).includes(layout);
      const dtype = reversed ? "int8" : (["uint8", "int32", "float32", "int64"] as const)[random.below(4)];
      const dims = Array.from({ length: 2 + random.below(3) }, () => 1 + random.below(7));
      if (dtype === undefined) throw new Error("no dtype");
      const header = headerOf(layout, dims, dtype);
      const [leaves, places] = await library.locateAll(forSolidity(header));
      const expected = [...leaves.keys()].map((element) => locate(layout, dims, dtypeSize(dtype), element));
      expect(leaves.map(Number), `layout ${layout} of ${dims.join()}`).to.deep.equal(expected.map(({ leaf }) => leaf));
      expect(places.map(Number)).to.deep.equal(expected.map(({ place }) => place));
      // No two elements share a place, and none lies outside its leaf.
      expect(new Set(expected.map(({ leaf, place }) => `${leaf} ${place}`)).size).to.equal(leaves.length);
      expect(Math.max(...places.map(Number))).to.be.lessThan(header.chunkElems);
      expect(Number(await library.leafBytes(forSolidity(header)))).to.equal(
        chunking(layout, dims, dtypeSize(dtype))?.leafBytes,
      );
    }
  });

  it("opens leaves of every layout, canonical as committed and not with a changed padding", async () => {
    const random = new Random(12);
    const library = await harness;
    for (const layout of WIDE) {
      const dims = [2, 3, 5];
      const tensor = makeTensor("float32", dims, random.bytes(4 * 30));
      const committed = commitTensor(tensor, layout);
      const { header } = committed;
      expect(isWellFormed(header)).to.equal(true);
      expect(await library.tensorRoot(forSolidity(header))).to.equal(committed.root);
      for (let index = 0; index < header.nLeaves; index++) {
        const { leaf, proof } = proveLeaf(committed, index);
        await library.requireLeaf(forSolidity(header), leaf, index, [...proof]);
        expect(await library.isCanonicalLeaf(forSolidity(header), leaf, index)).to.equal(true);
        const changed = Uint8Array.from(leaf);
        changed[leaf.length - 1] = 1;
        expect(await library.isCanonicalLeaf(forSolidity(header), changed, index)).to.equal(false);
        expect(isCanonicalLeaf(header, changed, index)).to.equal(false);
      }
      for (let element = 0; element < 30; element++) {
        const { leafIndex, byteOffset } = locateElement(header, element);
        const { leaf } = proveLeaf(committed, leafIndex);
        expect([...leaf.subarray(byteOffset, byteOffset + 4)]).to.deep.equal([
          ...committed.tensor.data.subarray(4 * element, 4 * element + 4),
        ]);
      }
    }
  });

  it("holds no leaf of a reversed layout against anybody, for its elements do not come first", async () => {
    for (const layout of REVERSED) {
      const committed = commitTensor(makeTensor("int8", [3, 2], Uint8Array.from([1, 2, 3, 4, 5, 6])), layout);
      for (let index = 0; index < committed.header.nLeaves; index++) {
        const { leaf } = proveLeaf(committed, index);
        expect(await (await harness).isCanonicalLeaf(forSolidity(committed.header), leaf, index)).to.equal(true);
        expect(isCanonicalLeaf(committed.header, leaf, index)).to.equal(true);
      }
    }
  });

  for (const [what, header] of [
    ["a layout that does not exist", headerOf(Layout.Rows, [2, 3], "float32", { layout: 7 })],
    ["columns of a vector", headerOf(Layout.Rows, [3], "float32", { layout: Layout.Columns })],
    ["rows of a scalar", headerOf(Layout.RowMajor, [], "float32", { layout: Layout.Rows, chunkElems: 1 })],
    ["reversed words of floats", headerOf(Layout.Columns, [3, 2], "float32", { layout: Layout.ColumnsReversed })],
    ["rows of a tensor without elements", headerOf(Layout.RowMajor, [0, 3], "float32", { layout: Layout.Rows })],
    ["another chunk than its own", headerOf(Layout.Rows, [2, 3], "float32", { chunkElems: 4 })],
    ["another number of leaves", headerOf(Layout.Rows, [2, 3], "float32", { nLeaves: 3 })],
    ["a leaf too large to open", headerOf(Layout.Rows, [1, 16_385], "float32", { chunkElems: 16_385, nLeaves: 1 })],
  ] as const) {
    it(`has no well-formed header with ${what}`, async () => {
      expect(isWellFormed(header)).to.equal(false);
      expect(await (await harness).isWellFormed(forSolidity(header))).to.equal(false);
    });
  }

  it("makes no leaf of 64 bytes", async () => {
    for (const [layout, dims] of [
      [Layout.Rows, [3, 16]],
      [Layout.Pixels, [1, 16, 2]],
      [Layout.Rows, [3, 9]],
    ] as const) {
      expect(await (await harness).leafBytes(forSolidity(headerOf(layout, dims, "float32")))).to.equal(96n);
    }
  });
});
