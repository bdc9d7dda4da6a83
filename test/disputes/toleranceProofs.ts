import { readFileSync } from "node:fs";
import path from "node:path";

import { expect } from "chai";
import type { CourtModel, GraphRuntime, Numeric, Tensor, TraceTensor } from "@assay/sdk";
import {
  accusationOf,
  commitTrace,
  evaluate,
  firstContradiction,
  fromFloat32Array,
  initHash,
  operandsOf,
  PreparationError,
  prepareModel,
  runTrace,
  toFloat32Array,
} from "@assay/sdk";

import { onnxFile } from "../../sdk/test/support/onnxModel.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { RULING } from "../support/assemble.js";
import { deployAssay } from "../support/fixture.js";
import { accuse, deliver, marketIn, openCase, postTrace } from "../support/proofs.js";

const MODELS = path.resolve(import.meta.dirname, "../../models");
const TOLERANCE = 3;
/** For an element of a convolution of 1,152 products, with calldata and openings. */
const MOST_GAS = 750_000n;

/** None of which onnxruntime has. */
const ORDERS: readonly Numeric[] = [
  { mode: 0, fused: true, block: 7, biasFirst: true },
  { mode: 0, fused: false, block: 0, biasFirst: false },
  { mode: 0, fused: false, block: 5, biasFirst: false },
];

const read = (file: string) => new Uint8Array(readFileSync(path.join(MODELS, file)));

/** A trained network, and one sample. */
async function digits(tolerance = true): Promise<[CourtModel, Tensor]> {
  const options = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true, tolerance };
  const { model } = await prepareModel(read("digits_cnn_fp32.onnx"), options, inProcess);
  const numbers = new Float32Array(read("digits_cnn.test.x.f32").buffer);
  return [model, fromFloat32Array(numbers.slice(0, 64), [1, 1, 8, 8])];
}

/** A convolution of 128 channels, and what it may read. */
async function convolution(): Promise<[CourtModel, Tensor]> {
  const random = new Random(3);
  const floats = (...dims: number[]) => {
    const count = dims.reduce((product, dim) => product * dim, 1);
    return fromFloat32Array(
      Float32Array.from({ length: count }, () => random.next() / 2 ** 31 - 1),
      dims,
    );
  };
  const file = onnxFile({
    nodes: [{ op: "Conv", inputs: ["x", "w", "b"], outputs: ["y"], attributes: { pads: [1, 1, 1, 1] } }],
    inputs: { x: ["float32", [1, 128, 8, 8]] },
    outputs: { y: undefined },
    constants: { w: floats(128, 128, 3, 3), b: floats(128) },
    opset: 21,
  });
  const { model } = await prepareModel(file, { tolerance: true }, inProcess);
  return [model, floats(1, 128, 8, 8)];
}

/** A trace with an element moved by many times what rounding can do. */
function shifted(trace: readonly Tensor[], at: number, element: number): Tensor[] {
  return trace.map((tensor, i) => {
    if (i !== at || tensor.dtype !== "float32") return tensor;
    const values = toFloat32Array(tensor);
    return fromFloat32Array(values.with(element, (values[element] ?? 0) * 1.01 + 0.01), tensor.dims);
  });
}

/** A runtime that adds with fewer bits. */
const truncating: GraphRuntime = {
  ...inProcess,
  load: async (model) => {
    const loaded = await inProcess.load(model);
    const run = async (inputs: ReadonlyMap<string, Tensor>) => {
      const results = await loaded.run(inputs);
      for (const { data } of results.values()) data.forEach((_, i) => i % 4 < 2 && (data[i] = 0));
      return results;
    };
    return { ...loaded, run };
  },
};

describe("ProofCourt, a model whose sums are taken in any order", function () {
  this.timeout(300_000);
  before(initHash);

  /** Accuses a provider of an element of its own trace. */
  async function accused(model: CourtModel, trace: readonly Tensor[], at: { tensor: number; element: number }) {
    const market = await marketIn(await deployAssay(), model, TOLERANCE);
    const posted = commitTrace(model, trace);
    const given = { model, honest: posted, posted };
    const terms = await deliver(market, given);
    const opened = await openCase(market, terms, given);
    await postTrace(market, given, opened);
    const sent = accuse(market, opened.caseId, accusationOf(model, posted, at.tensor, at.element));
    return { market, sent, caseId: opened.caseId };
  }

  it("finds what contradicts the trace of a trained network, and nothing in an honest one", async () => {
    const [model, sample] = await digits();
    expect(model.profile.kind).to.equal("Tolerance");
    const trace = await runTrace(model, new Map([["x", sample]]), inProcess);
    expect(firstContradiction(model, trace)).to.equal(undefined);
    for (const [node, { operator }] of model.nodes.entries()) {
      const tensor = model.inputNames.length + node;
      if (operator >> 8 !== 7) continue;
      expect(firstContradiction(model, shifted(trace, tensor, 2))).to.deep.equal({ tensor, element: 2 });
    }
  });

  it("takes the traces of parties that add in other orders, whose bytes differ, for honest", async () => {
    const [model, sample] = await digits();
    const [ordered] = await digits(false);
    const trace = await runTrace(model, new Map([["x", sample]]), inProcess);
    const roots = new Set([commitTrace(model, trace).traceRoot]);
    for (const numeric of ORDERS) {
      const other: Tensor[] = [sample];
      for (const [node, instruction] of ordered.instructions.entries()) {
        const meta = ordered.tensors[other.length] as TraceTensor;
        other.push(evaluate(instruction, operandsOf(ordered, other, node), meta, numeric));
      }
      expect(firstContradiction(model, other)).to.equal(undefined);
      roots.add(commitTrace(model, other).traceRoot);
    }
    expect(roots.size).to.equal(1 + ORDERS.length);
  });

  it("refuses a node that onnxruntime computes otherwise than the court", async () => {
    const nodes = [{ op: "ReduceSum", inputs: ["x"], outputs: ["y"] }];
    const file = onnxFile({ nodes, inputs: { x: ["float32", [1, 1, 3]] }, outputs: { y: undefined } });
    let refused: unknown;
    await prepareModel(file, { tolerance: true }, truncating).catch((error: unknown) => (refused = error));
    expect(refused).to.be.instanceOf(PreparationError);
    expect(String(refused)).to.match(/no order of the sum/);
  });

  it("convicts, and takes no claim about an honest element", async () => {
    const [model, sample] = await digits();
    const trace = await runTrace(model, new Map([["x", sample]]), inProcess);
    const node = model.nodes.findIndex(({ operator }) => operator >> 8 === 7);
    const tensor = model.inputNames.length + node;
    const honest = await accused(model, trace, { tensor, element: 2 });
    await expect(honest.sent).to.be.revertedWithCustomError(honest.market.court, "ProofCourt_NoContradiction");
    const { market, sent, caseId } = await accused(model, shifted(trace, tensor, 2), { tensor, element: 2 });
    await sent;
    expect(await market.court.rulingOf(caseId)).to.deep.equal([RULING.upheld, market.challenger.address]);
  });

  it("proves a wrong element of a convolution of 1,152 products for less than 750,000 gas", async () => {
    const [model, sample] = await convolution();
    const [name = ""] = model.inputNames;
    const trace = await runTrace(model, new Map([[name, sample]]), inProcess);
    expect(firstContradiction(model, trace)).to.equal(undefined);
    // Not at a border: nine pixels.
    const element = 64 * 5 + 8 * 3 + 3;
    const tensor = 1 + model.instructions.findIndex(({ operator }) => operator === "ToleranceConv");
    const { sent } = await accused(model, shifted(trace, tensor, element), { tensor, element });
    const receipt = await (await sent).wait();
    expect(receipt?.gasUsed).to.be.lessThan(MOST_GAS);
  });
});
