import { expect } from "chai";
import type { CourtModel, Tensor } from "@assay/sdk";
import { canonicaliseNaN, contradicts, elementCount, Operator, operandsOf, runTrace } from "@assay/sdk";

import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { marketOf } from "../support/proofs.js";
import type { Subject } from "../support/subjects.js";
import { subject } from "../support/subjects.js";
import { PROFILES, verdict } from "../support/verdict.js";
import { float32At, float32Bytes, withElement } from "../verifiers/support/values.js";

/** Networks that have all operators between them. */
const NETWORKS = [
  "operators of integers",
  "sums of float32",
  "sums of float32, any order",
  "transformer block, any order",
  "transformer block, single operators, any order",
  "long rows, any order",
];

/** Every operator that no network before had, on a wrong element and on an honest one. */
describe("ProofCourt, every operator", function () {
  this.timeout(600_000);
  const seen = new Set<string>();

  for (const name of NETWORKS) {
    it(`${name}: convicts by each operator, and takes no claim about an honest element`, async () => {
      const judged = await subject(name);
      const { model } = judged;
      const market = await marketOf(model, PROFILES[model.profile.kind]);
      const trace = await honestRun(judged);
      for (const [node, { operator }] of model.instructions.entries()) {
        if (seen.has(operator)) continue;
        seen.add(operator);
        const { element, changed } = wrongRun(model, trace, node);
        const tensor = model.inputNames.length + node;
        const honest = await verdict(market, model, trace, tensor, element);
        expect(honest, `an honest ${operator}`).to.equal("ProofCourt_NoContradiction");
        expect(await verdict(market, model, changed, tensor, element), `a wrong ${operator}`).to.equal("convicted");
      }
    });
  }

  it("has tried every operator there is", () => {
    expect([...seen].sort()).to.deep.equal(Object.keys(Operator).sort());
  });
});

async function honestRun({ model, inputs: [x] }: Subject): Promise<Tensor[]> {
  if (!x) throw new Error("nothing to run it on");
  return (await runTrace(model, new Map([["x", x]]), inProcess)).map(canonicaliseNaN);
}

/** The run with the first element of a node's output that can be wrong: moved far, or in its lowest bit. */
function wrongRun(model: CourtModel, trace: readonly Tensor[], node: number) {
  const tensor = model.inputNames.length + node;
  const output = trace[tensor];
  const instruction = model.instructions[node];
  if (!output || !instruction) throw new Error(`there is no node ${node}`);
  for (let element = 0; element < elementCount(output.dims); element++) {
    const bytes =
      output.dtype === "float32"
        ? float32Bytes(float32At(output, element) * 1.01 + 0.01)
        : Uint8Array.of((output.data[(element * output.data.length) / elementCount(output.dims)] ?? 0) ^ 1);
    const wrong = withElement(output, element, bytes);
    if (contradicts(instruction, operandsOf(model, trace, node), wrong, element, model.nodes[node]?.numeric)) {
      return { element, changed: trace.with(tensor, wrong) };
    }
  }
  throw new Error(`no element of node ${node} can be wrong`);
}
