import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type { Accusation, CourtModel, DemandedPart, Tensor, TensorCommitment, TraceCommitment } from "@assay/sdk";
import {
  answerDemand,
  commitTrace,
  explainClaim,
  fromFloat32Array,
  initHash,
  MerkleTree,
  runTrace,
  Search,
  shownIn,
  toFloat32Array,
  toHex,
} from "@assay/sdk";

import { playCase } from "../support/playCase.js";
import { inProcess } from "../support/inProcessRuntime.js";
import { samples } from "../support/models.js";
import { inAnyOrder, ORDERS } from "../support/otherOrder.js";

const [ORDER] = ORDERS as [(typeof ORDERS)[number]];

describe("The search in a trace whose sums may be taken in any order", () => {
  let model: CourtModel;
  let own: TraceCommitment;
  let elsewhere: (change?: (tensor: Tensor, at: number) => Tensor) => TraceCommitment;
  before(async () => {
    await initHash();
    const network = await inAnyOrder("digits_mlp_fp32");
    model = network.model;
    const [x] = samples("digits").x as [Tensor];
    own = commitTrace(model, await runTrace(model, new Map([["x", x]]), inProcess));
    elsewhere = (change) => commitTrace(model, network.run(x, ORDER, change));
  });

  const outputs = () => new Set(model.outputs);
  /** The nodes of 0x07, by the tensor they write. */
  const sums = () => model.nodes.flatMap(({ operator }, i) => (operator >> 8 === 7 ? [i + 1] : []));
  /** Moves an element by many times what rounding can do; what follows is computed from it. */
  const moved = (at: number, element: number) => (tensor: Tensor, i: number) => {
    if (i !== at || tensor.dtype !== "float32") return tensor;
    const values = toFloat32Array(tensor);
    return fromFloat32Array(values.with(element, (values[element] ?? 0) + 5), tensor.dims);
  };

  const play = (posted: TraceCommitment, falsify?: (leaf: Uint8Array) => Uint8Array) =>
    playCase(model, own, posted, falsify);

  function requireProof(accusation: Accusation | undefined, posted: TraceCommitment, tensor: number, element: number) {
    assert.ok(accusation);
    const { claim, provenance, kind } = accusation;
    assert.deepEqual([kind, provenance.nodeIndex + 1, claim.element], ["fraud", tensor, element]);
    assert.equal(claim.headers.at(-1)?.merkleRoot, posted.tensors[tensor]?.header.merkleRoot);
    const roots = posted.tensors.map(({ header }) => header.merkleRoot);
    assert.deepEqual(provenance.traceProofs.at(-1), MerkleTree.fromHashes(roots).proof(tensor));
    assert.notEqual(explainClaim(claim).claimed, explainClaim(claim).correct);
  }

  it("asks an honest provider with other bytes for its outputs and for nothing else", () => {
    const posted = elsewhere();
    assert.notEqual(posted.outputRoot, own.outputRoot);
    const { rounds, accusation } = play(posted);
    assert.equal(accusation, undefined);
    assert.ok(rounds.length > 0);
    for (const { tensor } of rounds.flat()) assert.ok(outputs().has(tensor));
  });

  it("asks for nothing of a trace that is one's own", () => {
    assert.deepEqual(play(own), { rounds: [], accusation: undefined });
  });

  it("convicts a wrong element of every layer, of which the rest of the trace follows", () => {
    for (const tensor of sums()) {
      const posted = elsewhere(moved(tensor, 3));
      const { rounds, accusation } = play(posted);
      requireProof(accusation, posted, tensor, 3);
      // The outputs, then everything else at once: a case has no time to ask layer by layer.
      assert.ok(rounds.length <= 4, `${rounds.length} rounds`);
    }
  });

  it("convicts a label that does not follow from its logits", () => {
    const label = model.outputs[model.outputNames.indexOf("label")] ?? -1;
    const posted = elsewhere((tensor, at) =>
      at === label
        ? { ...tensor, data: Uint8Array.from(tensor.data, (byte, i) => (i === 0 ? byte ^ 1 : byte)) }
        : tensor,
    );
    requireProof(play(posted).accusation, posted, label, 0);
  });

  it("lets an error be that rounding explains", () => {
    const last = sums().at(-1) ?? -1;
    const posted = elsewhere((tensor, at) => {
      if (at !== last || tensor.dtype !== "float32") return tensor;
      return fromFloat32Array(
        toFloat32Array(tensor).map((value) => value * (1 + 2 ** -20)),
        tensor.dims,
      );
    });
    assert.equal(play(posted).accusation, undefined);
  });

  it("judges each node once, however many calls its tensors take", () => {
    const posted = elsewhere(moved(sums()[0] ?? -1, 3));
    const roots = posted.tensors.map(({ header }) => header.merkleRoot);
    let reads = 0;
    const instructions = new Proxy(model.instructions, {
      get: (list, key, receiver): unknown => {
        if (/^\d+$/.test(String(key))) reads++;
        return Reflect.get(list, key, receiver);
      },
    });
    const search = new Search({ ...model, instructions }, own, roots);
    const demands: DemandedPart[] = [];
    for (let calls = 0; ; calls++) {
      const step = search.next(shownIn(demands));
      if (step.kind === "accuse") {
        assert.ok(calls > 4 && reads < 4 * instructions.length, `${calls} calls, ${reads} reads`);
        return;
      }
      // One part at a time, of all that was asked for; the wrong tensor comes last.
      const part = step.kind === "demand" ? step.parts.at(-1) : undefined;
      assert.ok(part);
      const answer = answerDemand(posted.tensors[part.tensor] as TensorCommitment, part);
      const shown = answer.kind === "leaf" ? { leaf: toHex(answer.leaf) } : { children: answer.children };
      demands.push({ part, answer: shown });
    }
  });

  it("needs no demand for outputs that were got outside of the court", () => {
    const posted = elsewhere();
    const roots = posted.tensors.map(({ header }) => header.merkleRoot);
    const outputs = (of: TraceCommitment) =>
      new Map(model.outputNames.map((name, i) => [name, of.tensors[model.outputs[i] ?? -1]?.tensor as Tensor]));
    assert.equal(new Search(model, own, roots).next(shownIn([])).kind, "demand");
    assert.deepEqual(new Search(model, own, roots).next(shownIn([]), outputs(posted)), { kind: "nothing" });
    // Other tensors than those that were posted say nothing.
    assert.equal(new Search(model, own, roots).next(shownIn([]), outputs(own)).kind, "demand");
  });

  it("accuses of a leaf that no honest party commits to", () => {
    const posted = elsewhere(moved(sums()[0] ?? -1, 3));
    const { accusation } = play(posted, (leaf) => leaf.subarray(0, leaf.length - 1));
    assert.equal(accusation?.kind, "malformedLeaf");
  });
});
