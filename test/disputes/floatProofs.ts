import { readFileSync } from "node:fs";
import path from "node:path";

import { expect } from "chai";
import type { CourtModel, Part, Shown, Tensor, TensorCommitment, TraceCommitment } from "@assay/sdk";
import {
  answerDemand,
  commitTrace,
  evaluate,
  fromFloat32Array,
  initHash,
  nextStep,
  operandsOf,
  prepareModel,
  RUNTIMES,
  runTrace,
  toFloat32Array,
  toHex,
} from "@assay/sdk";

import { inProcess, inProcessBy } from "../../provider-worker/test/support/inProcessRuntime.js";
import { RULING } from "../support/assemble.js";
import { networkHelpers } from "../support/fixture.js";
import type { Run } from "../support/proofs.js";
import { accusationsOf, accuse, deliver, digDown, marketOf, openCase, postTrace, runOf } from "../support/proofs.js";

const MODELS = path.resolve(import.meta.dirname, "../../models");
const CANONICAL = 2;
/** Family of the operators that add up floats. */
const SUMS = 6;
/** EIP-7825. */
const MOST_GAS = 1n << 24n;

/** What a provider that shows everything answers. */
function shownBy({ tensors }: TraceCommitment): Shown {
  const answerTo = (part: Part) => answerDemand(tensors[part.tensor] as TensorCommitment, part);
  return {
    children: (part) => {
      const answer = answerTo(part);
      return answer.kind === "leaf" ? undefined : answer.children;
    },
    leaf: (part) => {
      const answer = answerTo(part);
      return answer.kind === "leaf" ? toHex(answer.leaf) : undefined;
    },
  };
}

for (const runtime of RUNTIMES) {
  describe(`ProofCourt, a float32 model for the runtime ${runtime}`, function () {
    this.timeout(300_000);
    let model: CourtModel;
    let sample: Tensor;

    before(async () => {
      await initHash();
      const bytes = new Uint8Array(readFileSync(path.join(MODELS, "digits_cnn_fp32.onnx")));
      const options = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true, runtime };
      model = (await prepareModel(bytes, options, inProcess)).model;
      const numbers = new Float32Array(new Uint8Array(readFileSync(path.join(MODELS, "digits_cnn.test.x.f32"))).buffer);
      sample = fromFloat32Array(numbers.slice(0, 64), [1, 1, 8, 8]);
    });

    const market = () => marketOf(model, CANONICAL);

    /** Leads a case to the leaf that differs and accuses the provider of it. */
    async function convict(given: Run) {
      const opened = await networkHelpers.loadFixture(market);
      const terms = await deliver(opened, given);
      const { caseId, facts } = await openCase(opened, terms, given);
      await postTrace(opened, given, { caseId, facts });
      const [accusation] = accusationsOf(given, await digDown(opened, given, caseId));
      if (!accusation) throw new Error("nothing to accuse");
      const sent = await accuse(opened, caseId, accusation);
      return { ruling: await opened.court.rulingOf(caseId), challenger: opened.challenger, receipt: await sent.wait() };
    }

    it("accuses a provider that rounds products where the model does not, or the other way round", async () => {
      const honest = await runOf(model, sample);
      const trace = honest.honest.tensors.map(({ tensor }) => tensor);
      const inputs = model.inputNames.length;
      let accused = 0;
      for (const [node, { operator, numeric }] of model.nodes.entries()) {
        if (operator >> 8 !== SUMS) continue;
        const [tensor, instruction] = [inputs + node, model.instructions[node]];
        const own = trace[tensor];
        if (!instruction || !own) throw new Error("no such node");
        const other = evaluate(instruction, operandsOf(model, trace, node), own, {
          ...numeric,
          fused: !numeric.fused,
        });
        if (toHex(other.data) === toHex(own.data)) continue;
        const posted = commitTrace(model, trace.with(tensor, other));
        const roots = posted.tensors.map(({ header }) => header.merkleRoot);
        const step = nextStep(model, honest.honest, roots, shownBy(posted));
        expect(step.kind, `tensor ${tensor}`).to.equal("accuse");
        accused++;
      }
      expect(accused).to.be.greaterThan(0);
    });

    it("convicts a provider that runs it by the other runtime", async () => {
      const other = runtime === "native" ? "wasm" : "native";
      const honest = await runOf(model, sample);
      const trace = await runTrace(model, new Map([["x", sample]]), inProcessBy(other));
      const { ruling, challenger } = await convict({ ...honest, posted: commitTrace(model, trace) });
      expect(ruling).to.deep.equal([RULING.upheld, challenger.address]);
    });

    it("convicts of the sign of a zero that a Relu makes of a negative number", async () => {
      const node = model.instructions.findIndex(({ operator }) => operator === "Relu");
      const tensor = model.inputNames.length + node;
      const { honest } = await runOf(model, sample);
      const zero = toFloat32Array(honest.tensors[tensor]?.tensor as Tensor).indexOf(0);
      const turned = await runOf(model, sample, { tensor, byte: 4 * zero + 3, by: 0x80 });
      const roots = turned.posted.tensors.map(({ header }) => header.merkleRoot);
      expect(nextStep(model, turned.honest, roots, shownBy(turned.posted)).kind).to.equal("accuse");
      const { ruling, challenger } = await convict(turned);
      expect(ruling).to.deep.equal([RULING.upheld, challenger.address]);
    });

    it("convicts a wrong bit in any tensor, in one transaction", async () => {
      for (let tensor = model.inputNames.length; tensor < model.tensors.length; tensor++) {
        const { ruling, challenger, receipt } = await convict(await runOf(model, sample, { tensor, byte: 0 }));
        expect(ruling, `tensor ${tensor}`).to.deep.equal([RULING.upheld, challenger.address]);
        expect(receipt?.gasUsed).to.be.lessThan(MOST_GAS);
      }
    });
  });
}
