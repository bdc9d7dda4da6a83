import { readFileSync } from "node:fs";
import path from "node:path";

import { expect } from "chai";
import type { CourtModel, Tensor } from "@assay/sdk";
import { fromFloat32Array, initHash, prepareModel } from "@assay/sdk";

import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { RULING } from "../support/assemble.js";
import { networkHelpers } from "../support/fixture.js";
import type { Run } from "../support/proofs.js";
import { accusationsOf, accuse, deliver, digDown, marketOf, openCase, postTrace, runOf } from "../support/proofs.js";

const MODELS = path.resolve(import.meta.dirname, "../../models");
const CANONICAL = 2;
/** EIP-7825. */
const MOST_GAS = 1n << 24n;

describe("ProofCourt, a float32 model", function () {
  this.timeout(300_000);
  let model: CourtModel;
  let sample: Tensor;

  before(async () => {
    await initHash();
    const bytes = new Uint8Array(readFileSync(path.join(MODELS, "digits_cnn_fp32.onnx")));
    const options = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true };
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

  it("convicts a wrong bit in any tensor, in one transaction", async () => {
    for (let tensor = model.inputNames.length; tensor < model.tensors.length; tensor++) {
      const { ruling, challenger, receipt } = await convict(await runOf(model, sample, { tensor, byte: 0 }));
      expect(ruling, `tensor ${tensor}`).to.deep.equal([RULING.upheld, challenger.address]);
      expect(receipt?.gasUsed).to.be.lessThan(MOST_GAS);
    }
  });
});
