import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type {
  Accusation,
  CourtModel,
  DemandedPart,
  Part,
  Shown,
  Tensor,
  TensorCommitment,
  TraceCommitment,
} from "@assay/sdk";
import {
  answerDemand,
  commitTrace,
  explainClaim,
  fromNumbers,
  initHash,
  leafHash,
  MerkleTree,
  nextStep,
  proveLeaf,
  readModel,
  runTrace,
  Search,
  shownIn,
  toFloat32Array,
  toHex,
  toTypedArray,
  verifyLeaf,
} from "@assay/sdk";
import { getBytes } from "ethers";

import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import type { CourtRun } from "../../src/court/courtRuns.js";
import { playCase } from "../support/playCase.js";
import type { Tampering } from "../support/courtRuns.js";
import { courtRun, OPEN, openRun, rootsOf } from "../support/courtRuns.js";
import { inProcess } from "../support/inProcessRuntime.js";

/** 256 elements of float32 are a leaf. */
const LENGTH = 1000;
/** Tensors of the trace: the sign of a zero that a Relu makes of -0 is nobody's fault. */
const [RELU, SUM, RELU_AGAIN, RESULT] = [1, 2, 4, 5] as const;

describe("The search for what convicts", () => {
  let model: CourtModel;
  let trace: Tensor[];
  let honest: TraceCommitment;
  before(async () => {
    await initHash();
    const values = Array.from({ length: LENGTH }, (_, i) => [-0, 0, 1][i % 3] ?? 0);
    const [none, one] = [0, 1].map((value) => fromNumbers("float32", [], [value])) as [Tensor, Tensor];
    model = await readModel(
      onnxFile({
        nodes: [
          { op: "Relu", inputs: ["x"], outputs: ["a"] },
          { op: "Sub", inputs: ["a", "one"], outputs: ["b"] },
          // -1 times 0 is -0.
          { op: "Mul", inputs: ["b", "none"], outputs: ["m"] },
          { op: "Relu", inputs: ["m"], outputs: ["c"] },
          { op: "Add", inputs: ["c", "one"], outputs: ["y"] },
        ],
        inputs: { x: ["float32", [1, LENGTH]] },
        outputs: { y: undefined },
        constants: { none, one },
      }),
      inProcess,
    );
    trace = await runTrace(model, new Map([["x", fromNumbers("float32", [1, LENGTH], values)]]), inProcess);
    honest = commitTrace(model, trace);
  });

  /** The run with other values at some places of some tensors. */
  const changed = (changes: Partial<Record<number, Record<number, number>>>): TraceCommitment => {
    const tensors = trace.map((tensor, i) => {
      const values = [...toTypedArray({ ...tensor, dtype: "float32" })];
      for (const [place, value] of Object.entries(changes[i] ?? {})) values[Number(place)] = value;
      return fromNumbers("float32", [...tensor.dims], values);
    });
    return commitTrace(model, tensors);
  };
  /** Zeros of a Relu in different leaves, with the other sign. */
  const zeros = (tensor: number, ...places: number[]) => {
    const own = toFloat32Array(trace[tensor] as Tensor);
    return { [tensor]: Object.fromEntries(places.map((place) => [place, -(own[place] ?? NaN)])) };
  };

  it("accuses of a leaf of truth values that are none, which cannot be judged", async () => {
    const asked = await readModel(
      onnxFile({
        nodes: [
          { op: "Greater", inputs: ["x", "one"], outputs: ["isMore"] },
          { op: "Where", inputs: ["isMore", "x", "one"], outputs: ["y"] },
        ],
        inputs: { x: ["float32", [1, 40]] },
        outputs: { y: undefined },
        constants: { one: fromNumbers("float32", [], [1]) },
        opset: 13,
      }),
      inProcess,
    );
    const x = fromNumbers(
      "float32",
      [1, 40],
      Array.from({ length: 40 }, (_, i) => i % 3),
    );
    const own = commitTrace(asked, await runTrace(asked, new Map([["x", x]]), inProcess));
    const at = own.tensors.findIndex(({ tensor }) => tensor.dtype === "bool");
    const committed = own.tensors[at] as TensorCommitment;
    const leaf = Uint8Array.from(proveLeaf(committed, 0).leaf);
    leaf[7] = 2;
    const roots = own.tensors.map(({ header }, i) => (i === at ? toHex(leafHash(leaf)) : header.merkleRoot));
    const hidden: Shown = { children: () => undefined, leaf: () => undefined };
    assert.deepEqual(nextStep(asked, own, roots, hidden), {
      kind: "demand",
      parts: [{ tensor: at, level: 0, index: 0 }],
    });
    const step = nextStep(asked, own, roots, { ...hidden, leaf: () => toHex(leaf) });
    assert.equal(step.kind === "accuse" && step.accusation.kind, "malformedLeaf");
  });

  const play = (posted: TraceCommitment) => playCase(model, honest, posted);

  /** Requires a claim that the court takes: about this element, against the posted trace. */
  function requireProof(accusation: Accusation | undefined, posted: TraceCommitment, tensor: number, element: number) {
    assert.ok(accusation);
    const { claim, provenance } = accusation;
    assert.deepEqual([provenance.nodeIndex + 1, claim.element], [tensor, element]);
    const explained = explainClaim(claim);
    assert.notEqual(explained.claimed, explained.correct);
    assert.equal(claim.headers.at(-1)?.merkleRoot, posted.tensors[tensor]?.header.merkleRoot);
    assert.equal(claim.headers[0]?.merkleRoot, posted.tensors[tensor - 1]?.header.merkleRoot);
    const roots = posted.tensors.map(({ header }) => header.merkleRoot);
    assert.deepEqual(provenance.traceProofs.at(-1), MerkleTree.fromHashes(roots).proof(tensor));
    for (const { operand, leaf, data, proof } of claim.openings) {
      const header = claim.headers[operand];
      assert.ok(header && verifyLeaf(header.merkleRoot, getBytes(data), leaf, header.nLeaves, proof));
    }
  }

  it("asks for nothing of a trace that is one's own", () => {
    assert.deepEqual(play(honest), { rounds: [], accusation: undefined });
  });

  it("asks for one path and proves the first wrong element", () => {
    const posted = changed({ [RESULT]: { 600: 7, 900: 7 } });
    const { rounds, accusation } = play(posted);
    assert.deepEqual(rounds, [[{ tensor: RESULT, level: 1, index: 0 }], [{ tensor: RESULT, level: 0, index: 2 }]]);
    requireProof(accusation, posted, RESULT, 600);
  });

  it("convicts nobody for the signs of zeros", () => {
    const posted = changed({ ...zeros(RELU, 0, 300, 900), ...zeros(RELU_AGAIN, 1) });
    assert.equal(play(posted).accusation, undefined);
  });

  it("convicts who turns the sign of a zero that a Relu can only make positive", () => {
    const posted = changed(zeros(RELU, 1));
    requireProof(play(posted).accusation, posted, RELU, 1);
  });

  it("finds a wrong element behind the signs of zeros in other leaves of the same tensor", () => {
    const posted = changed({ [RELU]: { ...zeros(RELU, 0, 300)[RELU], 900: 5 } });
    const { rounds, accusation } = play(posted);
    requireProof(accusation, posted, RELU, 900);
    assert.deepEqual(
      rounds.map((parts) => parts.map(({ level, index }) => `${level} ${index}`)),
      [["1 0"], ["0 0"], ["0 1", "0 3"]],
    );
  });

  it("finds a wrong element in a later tensor that does not read the doubtful one, in the same rounds", () => {
    const posted = changed({ ...zeros(RELU, 0), [RESULT]: { 10: 5 } });
    const { rounds, accusation } = play(posted);
    requireProof(accusation, posted, RESULT, 10);
    assert.equal(rounds.length, 2);
  });

  it("finds a wrong element that was computed from the doubtful tensor", () => {
    // The element reads the very leaf whose zero has the other sign.
    const posted = changed({ ...zeros(RELU, 0), [SUM]: { 0: 5 } });
    requireProof(play(posted).accusation, posted, SUM, 0);
  });

  it("finds one behind two doubtful tensors", () => {
    const posted = changed({ ...zeros(RELU, 0, 300), ...zeros(RELU_AGAIN, 1, 600), [RESULT]: { 1: 5 } });
    requireProof(play(posted).accusation, posted, RESULT, 1);
  });

  it("asks for the outputs first where the result cannot be told to be wrong, and leaves it if only a zero's sign is", async () => {
    const open = await openRun();
    const { model } = open;
    const search = (run: CourtRun) => new Search(model, open.trace, rootsOf(run));
    const answered = ({ trace }: CourtRun, tensor: number): DemandedPart => {
      const answer = answerDemand(trace.tensors[tensor] as TensorCommitment, { tensor, level: 0, index: 0 });
      assert.ok(answer.kind === "leaf");
      return { part: { tensor, level: 0, index: 0 }, answer: { leaf: toHex(answer.leaf) } };
    };
    const [relu, doubled] = [OPEN.relu, OPEN.doubled].map((tensor) => ({ tensor, bytes: [3], by: 0x80 }));
    const turned = await openRun(relu as Tampering, doubled as Tampering);
    const first = search(turned).next(shownIn([]));
    assert.deepEqual(first, { kind: "demand", parts: [{ tensor: OPEN.doubled, level: 0, index: 0 }] });
    assert.deepEqual(search(turned).next(shownIn([answered(turned, OPEN.doubled)])), { kind: "nothing" });

    const false_ = await openRun({ tensor: OPEN.doubled, bytes: [4] });
    const step = search(false_).next(shownIn([answered(false_, OPEN.doubled)]));
    assert.ok(step.kind === "accuse" && step.accusation.claim.element === 1);
  });

  it("convicts a byte changed in any tensor of a trained model", async () => {
    const own = await courtRun(0);
    for (let tensor = 1; tensor < own.trace.tensors.length; tensor++) {
      const posted = await courtRun(0, { tensor, bytes: [0] });
      const all: Shown = {
        children: (part) => {
          const answer = answerDemand(tensorOf(posted.trace, part), part);
          return answer.kind === "children" ? answer.children : undefined;
        },
        leaf: (part) => {
          const answer = answerDemand(tensorOf(posted.trace, part), part);
          return answer.kind === "leaf" ? toHex(answer.leaf) : undefined;
        },
      };
      const step = nextStep(own.model, own.trace, rootsOf(posted), all);
      assert.equal(step.kind, "accuse", `tensor ${tensor}`);
      assert.equal(step.kind === "accuse" && step.accusation.provenance.nodeIndex, tensor - 1);
    }
  });
});

function tensorOf({ tensors }: TraceCommitment, { tensor }: Part) {
  const found = tensors[tensor];
  assert.ok(found);
  return found;
}
