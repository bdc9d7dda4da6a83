import { expect } from "chai";
import type { CourtModel, Tensor } from "@assay/sdk";
import {
  accusationOf,
  commitTrace,
  contradicts,
  firstContradiction,
  fromFloat32Array,
  initHash,
  operandsOf,
  prepareModel,
  runTrace,
  toFloat32Array,
} from "@assay/sdk";

import type { NodeDescription } from "../../sdk/test/support/onnxModel.js";
import { onnxFile } from "../../sdk/test/support/onnxModel.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { RULING } from "../support/assemble.js";
import type { Network } from "../support/networks.js";
import { decomposedBlock, node, TOKENS, transformerBlock, uniform, WIDTH } from "../support/networks.js";
import { accuse, deliver, marketOf, openCase, postTrace } from "../support/proofs.js";

const TOLERANCE = 3;
/** The longest row that one transaction judges, and one that is judged by its totals. */
const [LONG, LONGER] = [4096, 20_000];
const FUNCTIONS = 8;
const RUNS = 5;

const random = new Random(9);
const floats = (...dims: number[]): Tensor => uniform(random, ...dims);

async function prepared({ file }: Network): Promise<CourtModel> {
  return (await prepareModel(file, { tolerance: true }, inProcess)).model;
}

const run = (model: CourtModel) => runTrace(model, new Map([["x", floats(1, TOKENS, WIDTH)]]), inProcess);

/** A trace with an element moved by many times what implementations differ by. */
function shifted(trace: readonly Tensor[], at: number, element: number): Tensor[] {
  return trace.map((tensor, i) => {
    if (i !== at) return tensor;
    const values = toFloat32Array(tensor);
    return fromFloat32Array(values.with(element, (values[element] ?? 0) * 1.01 + 0.01), tensor.dims);
  });
}

describe("ProofCourt, a block of a transformer", function () {
  this.timeout(300_000);
  before(initHash);

  for (const [what, network, operators] of [
    ["of normalisations, a softmax and GELU", transformerBlock, ["LayerNormalization", "Softmax", "Gelu"]],
    ["written out in single operators", decomposedBlock, ["Erf", "Tanh", "Sigmoid", "Exp", "Log", "Softmax"]],
  ] as const) {
    it(`${what}: no element of an honest run contradicts, one changed element of any node does`, async () => {
      const model = await prepared(network());
      expect(model.profile.kind).to.equal("Tolerance");
      const names: readonly string[] = model.instructions.map(({ operator }) => operator);
      expect(names).to.include.members([...operators]);
      for (let i = 0; i < RUNS; i++) expect(firstContradiction(model, await run(model))).to.equal(undefined);
      const trace = await run(model);
      for (const [at, instruction] of model.instructions.entries()) {
        const tensor = model.inputNames.length + at;
        const changed = shifted(trace, tensor, 2);
        const output = changed[tensor];
        if (!output) throw new Error(`there is no tensor ${tensor}`);
        const found = contradicts(instruction, operandsOf(model, changed, at), output, 2, model.nodes[at]?.numeric);
        expect(found, `${instruction.operator} of node ${at}`).to.equal(true);
        expect(firstContradiction(model, changed)).to.deep.equal({ tensor, element: 2 });
      }
    });
  }

  it("convicts by each function, and takes no claim about an honest element", async () => {
    const model = await prepared(transformerBlock());
    const trace = await run(model);
    const functions = [...model.nodes.entries()].filter(([, { operator }]) => operator >> 8 === FUNCTIONS);
    expect(functions.length).to.equal(4);
    for (const [at] of functions) {
      const tensor = model.inputNames.length + at;
      const honest = await accused(model, trace, tensor);
      await expect(honest.sent).to.be.revertedWithCustomError(honest.market.court, "ProofCourt_NoContradiction");
      const { market, sent, caseId } = await accused(model, shifted(trace, tensor, 2), tensor);
      await sent;
      expect(await market.court.rulingOf(caseId)).to.deep.equal([RULING.upheld, market.challenger.address]);
    }
  });

  for (const [operator, inputs, most] of [
    ["Softmax", ["x"], 4_500_000n],
    ["LayerNormalization", ["x", "gain"], 2_400_000n],
  ] as const) {
    it(`proves a wrong element of a ${operator} of ${LONG} elements for less than ${most} gas`, async () => {
      const { model, trace } = await ofRow(operator, inputs, LONG);
      const tensor = trace.length - 1 - Number(model.instructions.at(-1)?.operator === "View");
      const { sent } = await accused(model, shifted(trace, tensor, 2), tensor);
      const receipt = await (await sent).wait();
      expect(receipt?.gasUsed).to.be.lessThan(most);
    });
  }

  for (const [operator, inputs, most] of [
    ["Softmax", ["x"], 1_300_000n],
    ["LayerNormalization", ["x", "gain"], 750_000n],
  ] as const) {
    it(`convicts by each node of a ${operator} of ${LONGER} elements, for less than ${most} gas`, async () => {
      const { model, trace } = await ofRow(operator, inputs, LONGER);
      for (const [at, instruction] of model.instructions.entries()) {
        const tensor = model.inputNames.length + at;
        const honest = await accused(model, trace, tensor, 0);
        await expect(honest.sent).to.be.revertedWithCustomError(honest.market.court, "ProofCourt_NoContradiction");
        const { market, sent, caseId } = await accused(model, shifted(trace, tensor, 0), tensor, 0);
        const receipt = await (await sent).wait();
        expect(receipt?.gasUsed, instruction.operator).to.be.lessThan(most);
        expect(await market.court.rulingOf(caseId)).to.deep.equal([RULING.upheld, market.challenger.address]);
      }
    });
  }

  for (const length of [8, LONGER]) {
    it(`convicts by a LayerNormalization of ${length} elements whose epsilon is -0`, async () => {
      const { model, trace } = await ofRow("LayerNormalization", ["x", "gain"], length, { epsilon: { float: -0 } });
      const output = trace.length - 1;
      const honest = await accused(model, trace, output);
      await expect(honest.sent).to.be.revertedWithCustomError(honest.market.court, "ProofCourt_NoContradiction");
      const { market, sent, caseId } = await accused(model, shifted(trace, output, 2), output);
      await sent;
      expect(await market.court.rulingOf(caseId)).to.deep.equal([RULING.upheld, market.challenger.address]);
    });
  }

  /** A model of one operator over one row, and an honest trace of it. */
  async function ofRow(
    operator: string,
    inputs: readonly string[],
    length: number,
    attributes: NodeDescription["attributes"] = {},
  ) {
    const file = onnxFile({
      nodes: [node(operator, [...inputs], "y", attributes)],
      inputs: { x: ["float32", [1, length]] },
      outputs: { y: undefined },
      constants: inputs.length > 1 ? { gain: floats(length) } : {},
      opset: 17,
    });
    const { model } = await prepareModel(file, { tolerance: true }, inProcess);
    return { model, trace: await runTrace(model, new Map([["x", floats(1, length)]]), inProcess) };
  }

  /** Accuses a provider of an element of a tensor of its own trace. */
  async function accused(model: CourtModel, trace: readonly Tensor[], tensor: number, element = 2) {
    const market = await marketOf(model, TOLERANCE);
    const posted = commitTrace(model, trace);
    const given = { model, honest: posted, posted };
    const terms = await deliver(market, given);
    const opened = await openCase(market, terms, given);
    await postTrace(market, given, opened);
    const sent = accuse(market, opened.caseId, accusationOf(model, posted, tensor, element));
    return { market, sent, caseId: opened.caseId };
  }
});
