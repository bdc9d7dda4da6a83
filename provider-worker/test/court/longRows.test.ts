import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type { CourtModel, Tensor, TraceCommitment } from "@assay/sdk";
import {
  commitTrace,
  evaluateNode,
  explainClaim,
  firstContradiction,
  fromFloat32Array,
  initHash,
  judgeOf,
  loadForTraces,
  operandsOf,
  prepareModel,
  runTrace,
  toFloat32Array,
  traceOn,
} from "@assay/sdk";

import type { NodeDescription } from "../../../sdk/test/support/onnxModel.js";
import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { Random } from "../../../sdk/test/tensor/random.js";
import { playCase } from "../support/playCase.js";
import { inProcess } from "../support/inProcessRuntime.js";

const EXPONENTIALS = ["BlockMax", "BlockMax", "BlockExponentials", "ToleranceReduceSum"];
const MOMENTS = [
  ...["BlockSum", "BlockMagnitudes", "BlockSquares"].flatMap((sum) => [sum, "ToleranceReduceSum"]),
  "LongLayerNormalization",
];

const random = new Random(4);
const uniform = (): number => random.next() / 2 ** 31 - 1;
/** Nearly normal. */
const normal = (): number => uniform() + uniform() + uniform();

type Draw = (i: number) => number;
/** Of each run one element. */
const KINDS: Readonly<Record<string, Draw>> = {
  "like logits": () => 8 * normal(),
  "of many magnitudes": () => uniform() * 2 ** (random.below(60) - 40),
  "far from zero": () => 300 + normal(),
  "all equal": () => 0.1,
  "one far above the others": (i) => (i === 7000 ? 5e4 : normal()),
  tiny: () => uniform() * 1e-30,
  subnormal: () => uniform() * 1e-40,
  "so large that their squares overflow": () => uniform() * 1e19,
  "so large that their sum overflows": () => 3e38,
  "masked by the least number": (i) => (i % 3 === 0 ? -3.4028234663852886e38 : normal()),
  "masked by infinity": (i) => (i % 3 === 0 ? -Infinity : normal()),
  "masked altogether": () => -Infinity,
  "with an infinity": (i) => (i === 5000 ? Infinity : normal()),
  "with a NaN": (i) => (i === 5000 ? NaN : normal()),
};

const rows = (dims: readonly number[], draw: Draw): Tensor => {
  const count = dims.reduce((product, length) => product * length, 1);
  return fromFloat32Array(
    Float32Array.from({ length: count }, (_, i) => draw(i)),
    dims,
  );
};

/** The next number away from zero. */
const nextUp = (value: number): number => Math.fround(value * (1 + 2 ** -23));

interface Given {
  readonly op: "Softmax" | "LayerNormalization";
  readonly dims: readonly number[];
  readonly attributes?: NodeDescription["attributes"];
  /** Of scale and bias. */
  readonly places?: readonly number[];
  readonly opset?: number;
}

async function prepared({
  op,
  dims,
  attributes = {},
  places = dims.slice(-1),
  opset = 17,
}: Given): Promise<CourtModel> {
  const parameters: Record<string, Tensor> =
    op === "Softmax" ? {} : { scale: rows(places, normal), bias: rows(places, normal) };
  const file = onnxFile({
    nodes: [{ op, inputs: ["x", ...Object.keys(parameters)], outputs: ["y"], attributes }],
    inputs: { x: ["float32", dims] },
    outputs: { y: undefined },
    constants: parameters,
    opset,
  });
  return (await prepareModel(file, { tolerance: true }, inProcess)).model;
}

describe("Rows that are too long for one transaction", () => {
  before(initHash);

  for (const op of ["Softmax", "LayerNormalization"] as const) {
    for (const [length, outer] of [
      [15_001, 3],
      [20_000, 2],
      [50_257, 1],
      [100_000, 1],
    ] as const) {
      it(`${op} of ${length}: what onnxruntime computes is not contradicted`, async () => {
        const model = await prepared({ op, dims: [outer, length] });
        const loaded = await loadForTraces(model, inProcess);
        for (const [kind, draw] of Object.entries(KINDS)) {
          const x = rows([outer, length], (i) => draw(i % length));
          const trace = await traceOn(loaded, model, new Map([["x", x]]));
          assert.equal(firstContradiction(model, trace), undefined, kind);
        }
        loaded.stop();
      });
    }
  }

  const OTHERS: Readonly<Record<string, Given & { operators: readonly string[] }>> = {
    "a Softmax along the last axis": {
      op: "Softmax",
      dims: [2, 5000],
      operators: [...EXPONENTIALS, "LongSoftmax"],
    },
    "a Softmax along another axis": {
      op: "Softmax",
      dims: [2, 5000, 3],
      attributes: { axis: 1 },
      operators: ["View", ...EXPONENTIALS, "LongSoftmax"],
    },
    "a Softmax along all axes from one on": {
      op: "Softmax",
      dims: [2, 70, 80],
      attributes: { axis: 1 },
      opset: 11,
      operators: [...EXPONENTIALS, "LongSoftmax"],
    },
    "a LayerNormalization along two axes": {
      op: "LayerNormalization",
      dims: [2, 70, 80],
      attributes: { axis: 1 },
      places: [70, 80],
      operators: MOMENTS,
    },
    "a Softmax that one transaction judges": { op: "Softmax", dims: [2, 4096], operators: ["View", "Softmax"] },
  };

  for (const [what, { operators, ...given }] of Object.entries(OTHERS)) {
    it(`${what}: every wrong element of every tensor is found, and no honest one`, async () => {
      const model = await prepared(given);
      assert.deepEqual(
        model.instructions.map(({ operator }) => operator),
        operators,
      );
      const loaded = await loadForTraces(model, inProcess);
      const trace = await traceOn(loaded, model, new Map([["x", rows(given.dims, normal)]]));
      loaded.stop();
      assert.equal(firstContradiction(model, trace), undefined);
      for (const tensor of model.nodes.keys()) {
        const at = tensor + 1;
        const values = toFloat32Array(trace[at] as Tensor);
        for (const element of new Set([0, Math.floor(values.length / 2), values.length - 1])) {
          const own = values[element] ?? NaN;
          for (const wrong of [own * 1.01 + 0.01, -own - 1, Infinity, NaN]) {
            const changed = trace.with(
              at,
              fromFloat32Array(values.with(element, wrong), model.tensors[at]?.dims ?? []),
            );
            const told = `${wrong} for ${own}, element ${element} of tensor ${at}`;
            assert.deepEqual(firstContradiction(model, changed), { tensor: at, element }, told);
          }
        }
      }
    });
  }

  for (const [what, given] of [
    ["a Softmax", { op: "Softmax", dims: [2, 20_000] }],
    ["a LayerNormalization", { op: "LayerNormalization", dims: [2, 20_000] }],
  ] as const) {
    it(`${what}: the search accuses a wrong element of any tensor, and nobody whose totals are others`, async () => {
      const model = await prepared(given);
      const x = rows(given.dims, normal);
      const trace = await runTrace(model, new Map([["x", x]]), inProcess);
      const own = commitTrace(model, trace);
      const others = nextTo(model, trace);
      assert.notDeepEqual(others.at(-2), trace.at(-2));
      assert.equal(accusedOf(model, own, commitTrace(model, others)), undefined);
      const last = trace.length - 1;
      // A maximum that is a little too large changes no output.
      for (const wrong of new Set([1, 2, last - 2, last - 1, last])) {
        const from = toFloat32Array(trace[wrong] as Tensor);
        const wronged = trace.with(
          wrong,
          fromFloat32Array(from.with(1, (from[1] ?? 0) + 400), trace[wrong]?.dims ?? []),
        );
        // What follows is computed from it.
        const posted = [...wronged];
        for (let at = wrong + 1; at < posted.length; at++) posted[at] = evaluateNode(model, posted, at);
        const found = accusedOf(model, own, commitTrace(model, posted));
        assert.deepEqual(found, { node: wrong - 1, element: 1 }, model.instructions[wrong - 1]?.operator);
      }
    });
  }

  /** A trace of which each element is the next number, where that stands. */
  function nextTo(model: CourtModel, trace: readonly Tensor[]): Tensor[] {
    const others = trace.slice(0, 1);
    for (const [node, instruction] of model.instructions.entries()) {
      const isLast = node === model.instructions.length - 1;
      const own = (isLast ? trace[node + 1] : evaluateNode(model, others, node + 1)) as Tensor;
      const values = toFloat32Array(own);
      const next = fromFloat32Array(values.map(nextUp), own.dims);
      const contradicts = judgeOf(instruction, operandsOf(model, others, node), next, model.nodes[node]?.numeric);
      const standing = toFloat32Array(next).map((value, i) => (contradicts(i) ? (values[i] ?? NaN) : value));
      others.push(fromFloat32Array(standing, own.dims));
    }
    return others;
  }

  /** The element that a case about a posted trace ends with. */
  function accusedOf(model: CourtModel, own: TraceCommitment, posted: TraceCommitment) {
    const { accusation } = playCase(model, own, posted);
    if (!accusation) return undefined;
    const { provenance, claim } = accusation;
    const { claimed, correct } = explainClaim(claim);
    assert.notEqual(claimed, correct);
    return { node: provenance.nodeIndex, element: claim.element };
  }
});
