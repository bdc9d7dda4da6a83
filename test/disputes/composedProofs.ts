import { expect } from "chai";
import type { CourtModel, Tensor } from "@assay/sdk";
import {
  accusationOf,
  canonicaliseNaN,
  commitTrace,
  contradicts,
  dtypeSize,
  elementCount,
  evaluateNode,
  firstContradiction,
  fromFloat32Array,
  fromNumbers,
  initHash,
  operandsOf,
  prepareModel,
  runTrace,
} from "@assay/sdk";

import { onnxFile } from "../../sdk/test/support/onnxModel.js";
import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import type { Case } from "../../provider-worker/test/support/oneNode.js";
import { modelOf } from "../../provider-worker/test/support/oneNode.js";
import { RULING } from "../support/assemble.js";
import { networkHelpers } from "../support/fixture.js";
import { deliver, marketOf, openCase, postTrace } from "../support/proofs.js";
import { errorName, PROFILES, verdict } from "../support/verdict.js";
import { bytesAt, float32Bytes, withElement } from "../verifiers/support/values.js";

/** What operators treat specially. */
const SPECIAL = [0, -0, NaN, Infinity, -Infinity, 2 ** -149, -1.5, 3];

const floats = (dims: number[], first = 0): Tensor =>
  fromFloat32Array(
    Float32Array.from({ length: elementCount(dims) }, (_, i) => SPECIAL[(i + first) % SPECIAL.length] ?? 0),
    dims,
  );
const bools = (dims: number[]): Tensor =>
  fromNumbers(
    "bool",
    dims,
    Array.from({ length: elementCount(dims) }, (_, i) => (i >> 1) % 2),
  );
const ints = (...values: number[]): Tensor => fromNumbers("int64", [values.length], values);

/** `sink`: an element of the output that is 0 in an honest run and -0 in none. */
const OPERATORS: Readonly<Record<string, Case & { tolerance?: boolean; sink?: boolean }>> = {
  "Where, both broadcast along a last axis": {
    op: "Where",
    inputs: [bools([2, 4, 1]), floats([8]), floats([4, 1], 1)],
    sink: true,
  },
  "Where, whose x serves a span": {
    op: "Where",
    inputs: [bools([2, 4]), floats([2, 1]), floats([2, 4], 2)],
    sink: true,
  },
  "Where, trailing ones in all": {
    op: "Where",
    inputs: [bools([8, 1, 1]), floats([8, 1, 1], 6), floats([1, 1], 1)],
    sink: true,
  },
  "Where of integers": {
    op: "Where",
    inputs: [bools([2, 3, 1]), fromNumbers("int64", [3, 2], [1, -2, 3, -4, 5, -6]), ints(7)],
  },
  "Where, any order": { op: "Where", inputs: [bools([2, 4]), floats([2, 4]), floats([2, 1], 1)], tolerance: true },
  "Pow with 2": { op: "Pow", inputs: [floats([2, 4])], constants: { 1: fromFloat32Array(Float32Array.of(2), []) } },
  "Pow with 3": { op: "Pow", inputs: [floats([2, 4])], constants: { 1: fromFloat32Array(Float32Array.of(3), [1, 1]) } },
  "PRelu, a slope for each channel": { op: "PRelu", inputs: [floats([1, 2, 4, 1]), floats([2, 1, 1], 5)] },
  "Equal, broadcast": { op: "Equal", inputs: [floats([2, 4]), floats([2, 1], 1)] },
  "LessOrEqual, broadcast": { op: "LessOrEqual", inputs: [floats([4, 2, 1]), floats([2, 1], 6)] },
  "Max of three, broadcast": { op: "Max", inputs: [floats([1, 2, 4]), floats([4], 3), floats([2, 1], 6)] },
  "Mean, any order": {
    op: "Mean",
    inputs: [floats([2, 4]), floats([2, 1], 6)],
    tolerance: true,
  },
  "Pad, reflected": {
    op: "Pad",
    inputs: [floats([2, 4])],
    constants: { 1: ints(1, 2, 1, 3) },
    attributes: { mode: "reflect" },
  },
};

describe("ProofCourt, operators that are made of others", function () {
  this.timeout(300_000);
  before(initHash);

  for (const [what, given] of Object.entries(OPERATORS)) {
    it(`${what}: a forged element of each node convicts, honest ones do not, nor what may differ`, async () => {
      const { model, trace } = await honestRun(given);
      expect(firstContradiction(model, trace)).to.equal(undefined);
      const market = await marketOf(model, PROFILES[model.profile.kind]);
      await expectNothingAgainst(market, model, trace);

      const inputs = model.inputNames.length;
      let convicted = 0;
      for (const [node] of model.instructions.entries()) {
        const tensor = inputs + node;
        const forgery = forgeryOf(model, trace, tensor);
        if (!forgery) continue;
        // What follows from the forged element is computed from it, as a careful cheat would.
        const forged = followed(model, trace.with(tensor, forgery.tensor), tensor);
        const said = await verdict(market, model, forged, tensor, forgery.element);
        expect(said, `node ${node}, ${model.instructions[node]?.operator}`).to.equal("convicted");
        convicted++;
      }
      expect(convicted).to.equal(model.instructions.length);
    });
  }

  for (const [what, given] of Object.entries(OPERATORS)) {
    if (!given.sink) continue;
    it(`${what}: convicts who keeps a -0 that onnxruntime does not, and not who has the 0`, async () => {
      const { model, trace } = await honestRun(given);
      const market = await marketOf(model, PROFILES[model.profile.kind]);
      const tensor = trace.length - 1;
      const output = trace[tensor] as Tensor;
      const zeros = [...Array(elementCount(output.dims)).keys()].filter((element) => isPlusZero(output, element));
      expect(zeros.length).to.be.greaterThan(0);
      for (const element of zeros.slice(0, 2)) {
        const changed = trace.with(tensor, withElement(output, element, float32Bytes(-0)));
        expect(await verdict(market, model, changed, tensor, element)).to.equal("convicted");
        expect(await verdict(market, model, trace, tensor, element)).to.equal("ProofCourt_NoContradiction");
      }
    });
  }
});

async function honestRun({ tolerance = false, ...given }: Case & { tolerance?: boolean }) {
  const { description, feeds } = modelOf(given);
  const { model } = await prepareModel(onnxFile(description), { tolerance }, inProcess);
  return { model, trace: (await runTrace(model, feeds, inProcess)).map(canonicaliseNaN) };
}

/** Every element of every node of an honest run, before the court. */
async function expectNothingAgainst(
  market: Awaited<ReturnType<typeof marketOf>>,
  model: CourtModel,
  trace: readonly Tensor[],
): Promise<void> {
  const before = await networkHelpers.takeSnapshot();
  const posted = commitTrace(model, trace);
  const given = { model, honest: posted, posted };
  const opened = await openCase(market, await deliver(market, given), given);
  await postTrace(market, given, opened);
  const court = market.court.connect(market.challenger);
  for (let tensor = model.inputNames.length; tensor < trace.length; tensor++) {
    for (let element = 0; element < elementCount(trace[tensor]?.dims ?? []); element++) {
      const { claim, provenance } = accusationOf(model, posted, tensor, element);
      const said = await court.proveFraud.staticCall(opened.caseId, claim as never, provenance as never).then(
        () => "convicted",
        (error: unknown) => errorName(error),
      );
      expect(said, `tensor ${tensor} element ${element}`).to.equal("ProofCourt_NoContradiction");
    }
  }
  expect((await market.court.rulingOf(opened.caseId))[0]).to.equal(RULING.none);
  await before.restore();
}

/** An element of a node's output that its operands contradict, as near to the right one as there is. */
function forgeryOf(model: CourtModel, trace: readonly Tensor[], tensor: number) {
  const node = tensor - model.inputNames.length;
  const [output, instruction] = [trace[tensor], model.instructions[node]];
  if (!output || !instruction) throw new Error(`there is no node ${node}`);
  for (let element = 0; element < elementCount(output.dims); element++) {
    for (const bytes of nearTo(output, element)) {
      const wrong = withElement(output, element, bytes);
      const numeric = model.nodes[node]?.numeric;
      if (contradicts(instruction, operandsOf(model, trace, node), wrong, element, numeric)) {
        return { element, tensor: wrong };
      }
    }
  }
  return undefined;
}

/** The same with another sign, in its lowest bit, no number, and something else. */
function* nearTo(output: Tensor, element: number): Generator<Uint8Array> {
  const own = bytesAt(output, element);
  const last = dtypeSize(output.dtype) - 1;
  if (output.dtype === "float32") yield own.with(last, (own[last] ?? 0) ^ 0x80);
  yield own.with(0, (own[0] ?? 0) ^ 1);
  if (output.dtype !== "float32") return;
  yield float32Bytes(NaN);
  yield float32Bytes(1e9);
}

/** The nodes after a tensor, computed from what was forged. */
function followed(model: CourtModel, trace: readonly Tensor[], forged: number): Tensor[] {
  const all = [...trace];
  for (let tensor = forged + 1; tensor < all.length; tensor++) {
    const own = all[tensor];
    const computed = canonicaliseNaN(evaluateNode(model, all, tensor));
    // Where honest results may differ, what onnxruntime had stays unless it no longer follows.
    if (own && firstContradiction(model, all.slice(0, tensor + 1))?.tensor === tensor) all[tensor] = computed;
  }
  return all;
}

function isPlusZero(output: Tensor, element: number): boolean {
  return bytesAt(output, element).every((byte) => byte === 0);
}
