import { expect } from "chai";
import type { Accusation, CourtModel, Tensor } from "@assay/sdk";
import {
  accusationOf,
  commitTrace,
  firstContradiction,
  fromFloat32Array,
  initHash,
  prepareModel,
  proofCalls,
  runTrace,
} from "@assay/sdk";

import { onnxFile } from "../../sdk/test/support/onnxModel.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { RULING } from "../support/assemble.js";
import { deployAssay } from "../support/fixture.js";
import { deliver, marketIn, openCase, postTrace } from "../support/proofs.js";

const PROFILE = { Exact: 1, Canonical: 2, Tolerance: 3 } as const;
/** EIP-7825. */
const MOST_GAS = 1n << 24n;

interface LongSum {
  file: Uint8Array;
  x: Tensor;
  tolerance?: boolean;
}

function floats(random: Random, ...dims: number[]): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return fromFloat32Array(
    Float32Array.from({ length: count }, () => random.next() / 2 ** 31 - 1),
    dims,
  );
}

function bytes(random: Random, ...dims: number[]): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return { dtype: "uint8", dims, data: Uint8Array.from({ length: count }, () => random.below(256)) };
}

/** 65,536 products of bytes out of 1,024 pixels: a filter that fills its leaf. */
function integers(): LongSum {
  const random = new Random(1);
  const file = onnxFile({
    nodes: [{ op: "ConvInteger", inputs: ["x", "w"], outputs: ["y"] }],
    inputs: { x: ["uint8", [1, 64, 32, 32]] },
    outputs: { y: undefined },
    constants: { w: bytes(random, 1, 64, 32, 32) },
    opset: 21,
  });
  return { file, x: bytes(random, 1, 64, 32, 32) };
}

/** The mean of 50,176 numbers, as the last pooling of a network for images of 224 by 224 would take it. */
function pooling(): LongSum {
  const file = onnxFile({
    nodes: [{ op: "GlobalAveragePool", inputs: ["x"], outputs: ["y"] }],
    inputs: { x: ["float32", [1, 1, 224, 224]] },
    outputs: { y: undefined },
    opset: 21,
  });
  return { file, x: floats(new Random(2), 1, 1, 224, 224), tolerance: true };
}

/** The same of the numbers that cost most. */
function infinities(): LongSum {
  const x = fromFloat32Array(new Float32Array(224 * 224).fill(Infinity), [1, 1, 224, 224]);
  return { ...pooling(), x };
}

/** 16,384 products, bit for bit: a row and a column that fill their leaves. */
function product(): LongSum {
  const random = new Random(3);
  const file = onnxFile({
    nodes: [{ op: "MatMul", inputs: ["x", "w"], outputs: ["y"] }],
    inputs: { x: ["float32", [2, 16384]] },
    outputs: { y: undefined },
    constants: { w: floats(random, 16384, 2) },
    opset: 21,
  });
  return { file, x: floats(random, 2, 16384) };
}

/** A case against a provider of whose last node one bit of the first element is wrong, or none. */
async function caseOf({ file, x, tolerance = false }: LongSum, isWrong: boolean) {
  const { model } = await prepareModel(file, { tolerance }, inProcess);
  const honest = await runTrace(model, new Map([["x", x]]), inProcess);
  const node = model.instructions.findIndex(({ operator }) => operator !== "View");
  const tensor = model.inputNames.length + node;
  const trace = honest.map((each, i) => (isWrong && i === tensor ? flipped(each) : each));
  const posted = commitTrace(model, trace);
  const given = { model, honest: posted, posted };
  const market = await marketIn(await deployAssay(), model, PROFILE[model.profile.kind]);
  const opened = await openCase(market, await deliver(market, given), given);
  await postTrace(market, given, opened);
  return { market, caseId: opened.caseId, model, trace, tensor, accusation: accusationOf(model, posted, tensor, 0) };
}

/** Bit 30 of the first element: more than rounding explains. */
function flipped(tensor: Tensor): Tensor {
  const data = new Uint8Array(tensor.data);
  data[3] = (data[3] ?? 0) ^ 0x40;
  return { ...tensor, data };
}

const callsFor = ({ market, caseId }: Awaited<ReturnType<typeof caseOf>>, accusation: Accusation) =>
  proofCalls(market.court.connect(market.challenger), caseId, market.challenger.address, accusation);

describe("ProofCourt, sums too long for one transaction", function () {
  this.timeout(600_000);
  before(initHash);

  const SUMS: readonly (readonly [string, () => LongSum, CourtModel["profile"]["kind"], number])[] = [
    ["a convolution of 65,536 products of bytes", integers, "Exact", 3],
    ["a mean of 50,176 numbers in any order", pooling, "Tolerance", 3],
    ["a mean of 50,176 infinities in any order", infinities, "Tolerance", 3],
    ["16,384 products of float32, bit for bit", product, "Canonical", 2],
  ];
  for (const [what, make, kind, least] of SUMS) {
    it(`convicts by ${what}, over several transactions, each within the limit`, async () => {
      const opened = await caseOf(make(), true);
      const { market, caseId, model, trace, tensor, accusation } = opened;
      expect(model.profile.kind).to.equal(kind);
      expect(firstContradiction(model, trace)).to.deep.equal({ tensor, element: 0 });
      const all = (await callsFor(opened, accusation)) ?? [];
      expect(all.length).to.be.at.least(least);
      const to = await market.court.getAddress();
      for (const [sent, { data }] of all.entries()) {
        // What is left follows from what the court has.
        if (sent === 1) expect(await callsFor(opened, accusation)).to.deep.equal(all.slice(1));
        expect((await market.court.rulingOf(caseId))[0]).to.equal(RULING.none);
        const receipt = await (await market.challenger.sendTransaction({ to, data })).wait();
        expect(receipt?.gasUsed).to.be.lessThan(MOST_GAS);
      }
      expect(await market.court.rulingOf(caseId)).to.deep.equal([RULING.upheld, market.challenger.address]);
    });

    it(`finds no call against an honest provider of ${what}`, async () => {
      const opened = await caseOf(make(), false);
      expect(opened.accusation.parts.length).to.be.greaterThan(0);
      expect(await callsFor(opened, opened.accusation)).to.equal(undefined);
    });
  }
});
