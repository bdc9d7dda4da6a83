import { expect } from "chai";
import { network } from "hardhat";

import { buildClaim } from "../../sdk/src/court/index.js";
import type { Instruction } from "../../sdk/src/graph/instruction.js";
import type { Tensor } from "../../sdk/src/tensor/index.js";
import {
  commitTensor,
  fromFloat32Array,
  fromHex,
  fromNumbers,
  fromTypedArray,
  initHash,
  Layout,
  toFloat32Array,
} from "../../sdk/src/tensor/index.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { INTEGER_DOT } from "./cases/integerDot.js";
import type { RawClaim } from "./support/abi.js";
import { encodeClaim } from "./support/abi.js";
import { claimOf, nodeOf } from "./support/cases.js";
import { deployVerifier, Verdict, verdicts } from "./support/judge.js";
import { ints, runOneNode } from "./support/onnx.js";
import { float32Bits } from "./support/values.js";

const { ethers } = await network.create();

/** A claim about element 0 of a node, operands and output row-major unless a layout is given. */
function claim(
  instruction: Instruction,
  operands: readonly (Tensor | undefined)[],
  output: Tensor,
  layouts: readonly Layout[] = [],
): RawClaim {
  const node = nodeOf(
    instruction,
    operands.map((operand) => operand !== undefined),
  );
  const tensors = [...operands, output].map((tensor, i) => tensor && commitTensor(tensor, layouts[i]));
  return claimOf({ node, tensors }, 0);
}

async function judged(family: string, made: RawClaim): Promise<number | undefined> {
  return (await verdicts(await deployVerifier(family), [made]))[0];
}

const floats = (...values: number[]) => fromFloat32Array(Float32Array.from(values));
const bytes = (...values: number[]) => fromNumbers("uint8", [values.length], values);

describe("claims that no verifier can judge", function () {
  this.timeout(60_000);
  before(initHash);

  const none = { baseA: 0, stridesA: [1], baseB: 0, stridesB: [1] };
  const int32 = (value: number) => fromNumbers("int32", [1], [value]);
  const window = { kernel: [2], strides: [1], dilations: [1], padsBegin: [0] };
  const x = fromNumbers("uint8", [1, 1, 2], [3, 4]);
  const one = fromNumbers("uint8", [1, 1, 1], [4]);
  const zeros = { zeroX: 0, zeroW: 0, zeroY: 0 };
  const qLinear = (multiplier: Tensor, zeroY = 0): RawClaim =>
    claim(
      { operator: "QLinearConv", convolution: { ...window, group: 1 }, ...zeros, zeroY },
      [x, x, multiplier, undefined],
      one,
      [Layout.Pixels, Layout.Filters],
    );

  for (const [what, family, made] of [
    ["an index that a GATHER's x does not have", "IndexMaps", () => gatherOutOfRange()],
    ["strides that leave x", "IndexMaps", () => viewOutOfRange()],
    [
      "an integer divided by zero",
      "Elementwise",
      () => claim({ operator: "Div", ...none }, [int32(7), int32(0)], int32(0)),
    ],
    [
      "the smallest int32 divided by -1",
      "Elementwise",
      () => claim({ operator: "Div", ...none }, [int32(-(2 ** 31)), int32(-1)], int32(0)),
    ],
    [
      "a NaN for a bound",
      "Selection",
      () => claim({ operator: "Clip", min: "0x0000c07f", max: "0x" }, [floats(1)], floats(1)),
    ],
    ["an infinite multiplier", "IntegerDot", () => qLinear(floats(Infinity))],
    ["a zero point that its type does not hold", "IntegerDot", () => qLinear(floats(1), 256)],
    [
      "a zero point that its type does not hold, in QUANTIZE_LINEAR",
      "Quantization",
      () => claim({ operator: "QuantizeLinear", scale: float32Bits(1), zeroPoint: -1 }, [floats(1)], bytes(0)),
    ],
    [
      "a zero point of int32",
      "Quantization",
      () => claim({ operator: "DequantizeLinear", scale: float32Bits(1), zeroPoint: 1 }, [int32(1)], floats(0)),
    ],
    ["an image that is not in pixels", "IntegerDot", () => withLayout(qLinear(floats(1)), 0, Layout.Filters)],
    ["filters that are in rows", "IntegerDot", () => withLayout(qLinear(floats(1)), 1, Layout.Rows)],
  ] as const) {
    it(`convicts nobody by ${what}`, async () => {
      expect(await judged(family, made())).to.equal(Verdict.NotJudged);
    });
  }

  function withLayout(honest: RawClaim, at: number, layout: Layout): RawClaim {
    return { ...honest, headers: honest.headers.map((header, i) => (i === at ? { ...header, layout } : header)) };
  }

  /** An honest claim whose index is changed afterwards. */
  function gatherOutOfRange(): RawClaim {
    const index = fromNumbers("int64", [1], [0]);
    const honest = claim({ operator: "Gather", axis: 0 }, [bytes(1, 2), index], bytes(1));
    const openings = honest.openings.map((opening) =>
      opening.operand === 1 ? { ...opening, data: opening.data.with(0, 2) } : opening,
    );
    return { ...honest, openings };
  }

  function viewOutOfRange(): RawClaim {
    const honest = claim({ operator: "View", base: 0, strides: [1] }, [bytes(1, 2)], bytes(1));
    return { ...honest, node: nodeOf({ operator: "View", base: -1, strides: [1] }, [true]) };
  }
});

describe("MAX_POOL with a NaN and padding", function () {
  this.timeout(60_000);
  before(initHash);

  it("lets stand what onnxruntime has where padding comes after a NaN", async () => {
    const values = Float32Array.from({ length: 21 }, (_, i) => (i % 4 === 1 ? NaN : i / 2));
    const x = fromFloat32Array(values, [1, 1, 3, 7]);
    const window = { kernel: [3, 3], strides: [1, 1], dilations: [1, 1], padsBegin: [1, 1] };
    const attribute = [ints("kernel_shape", [3, 3]), ints("pads", [1, 1, 1, 1])];
    const output = await runOneNode({ opType: "MaxPool", inputs: [x], dtype: "float32", attribute });
    const lowest = -(2 ** 128 - 2 ** 104);
    expect([...toFloat32Array(output)]).to.include(lowest);
    const tensors = [commitTensor(x), commitTensor(output)];
    const node = nodeOf({ operator: "MaxPool", ...window }, [true]);
    const claims = Array.from({ length: 21 }, (_, element) => claimOf({ node, tensors }, element));
    expect(new Set(await verdicts(await deployVerifier("Selection"), claims))).to.deep.equal(new Set([Verdict.Stands]));
  });
});

describe("IntegerDot at its limits", function () {
  this.timeout(60_000);
  before(initHash);

  it("wraps sums that int32 does not hold, as onnxruntime does", async () => {
    const k = 40_000;
    const a = fromTypedArray("uint8", [1, k], new Uint8Array(k).fill(255));
    const b = fromTypedArray("uint8", [k, 1], new Uint8Array(k).fill(255));
    const output = await runOneNode({ opType: "MatMulInteger", inputs: [a, b], dtype: "int32" });
    const instruction: Instruction = { operator: "MatMulInteger", zeroA: 0, zeroB: 0 };
    for (const layout of [Layout.Columns, Layout.ColumnsReversed]) {
      const honest = claim(instruction, [a, b], output, [Layout.Rows, layout]);
      expect(await judged("IntegerDot", honest)).to.equal(Verdict.Stands);
    }
  });

  it("adds up the longest leaves of the largest bytes without an overflow", async () => {
    const k = 65_536;
    const a = fromTypedArray("int8", [1, k], new Int8Array(k).fill(-128));
    const b = fromTypedArray("int8", [k, 1], new Int8Array(k).fill(127));
    const output = fromNumbers("int32", [1, 1], [-128 * 127 * k]);
    const instruction: Instruction = { operator: "MatMulInteger", zeroA: 0, zeroB: 0 };
    const honest = claim(instruction, [a, b], output, [Layout.Rows, Layout.ColumnsReversed]);
    expect(await judged("IntegerDot", honest)).to.equal(Verdict.Stands);
  });
});

describe("claims", function () {
  this.timeout(60_000);
  before(initHash);

  it("open leaves that prove themselves against the committed tensors", async () => {
    const harness = await ethers.deployContract("TensorCommitmentHarness");
    const random = new Random(3);
    for (const generate of Object.values(INTEGER_DOT)) {
      const made = await generate(random);
      const { headers, openings } = buildClaim(made.node, made.tensors, 0);
      for (const { operand, leaf, data, proof } of openings) {
        const header = headers[operand];
        if (!header) throw new Error("no header");
        await harness.requireLeaf({ ...header, dims: [...header.dims] }, data, leaf, [...proof]);
      }
    }
  });

  it("are encoded as ethers encodes them", async () => {
    const verifier = await deployVerifier("IntegerDot");
    const random = new Random(4);
    for (const generate of Object.values(INTEGER_DOT)) {
      const made = await generate(random);
      const built = buildClaim(made.node, made.tensors, 0);
      const raw = {
        ...built,
        openings: built.openings.map((opening) => ({ ...opening, data: fromHex(opening.data) })),
      };
      const encoded = verifier.interface.encodeFunctionData("contradicts", [built]);
      expect(Buffer.from(encodeClaim(raw)).equals(Buffer.from(fromHex(encoded)))).to.equal(true);
    }
  });
});
