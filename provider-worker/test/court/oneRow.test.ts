import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type { CourtModel, RuntimeName, Tensor } from "@assay/sdk";
import { elementCount, fromFloat32Array, fromNumbers, initHash, readModel, RUNTIMES, runTrace } from "@assay/sdk";

import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { Random } from "../../../sdk/test/tensor/random.js";
import { inProcess } from "../support/inProcessRuntime.js";
import type { Case } from "../support/oneNode.js";
import { check, checkTrace, modelOf } from "../support/oneNode.js";

/** A node by the shapes of what it reads. */
interface Shapes {
  op: string;
  inputs: number[][];
  /** Which inputs are constants. */
  constants?: number[];
  attributes?: Case["attributes"];
  axes?: number;
}

const CASES = { native: 8, wasm: 24 } as const;
const opset = 18;

/** One magnitude, five, zeros of both signs among them, +0 throughout, and products that underflow. */
const NUMBERS: Readonly<Record<string, (random: Random) => number>> = {
  usual: (random) => (random.next() / 2 ** 31 - 1) * 2 ** random.below(5),
  zeros: (random) => random.pick([0, -0, 1, -1]) * (random.next() / 2 ** 31),
  "one zero": () => 0,
  small: (random) => (random.next() / 2 ** 31 - 1) * 2 ** -70,
};

function filled(dims: readonly number[], random: Random, number: (random: Random) => number): Tensor {
  return fromFloat32Array(
    Float32Array.from({ length: elementCount(dims) }, () => number(random)),
    dims,
  );
}

function caseOf(shapes: Shapes, runtime: RuntimeName, random: Random, number: (random: Random) => number): Case {
  const { op, inputs, constants = [], attributes = {}, axes } = shapes;
  const values = inputs.map((dims, i) => filled(dims, random, constants.includes(i) ? usual : number));
  const known = Object.fromEntries(constants.map((i) => [i, values[i]]));
  const list = axes === undefined ? {} : { 1: fromNumbers("int64", [1], [axes]) };
  const feeds = values.map((value, i) => (constants.includes(i) ? undefined : value));
  return { op, inputs: feeds, constants: { ...known, ...list }, attributes, opset, runtime };
}
const usual = NUMBERS["usual"] as (random: Random) => number;

const depthOf = (random: Random): number => 1 + random.below(random.pick([8, 30, 200]));
const columnsOf = (random: Random): number => 1 + random.below(17);

const NODES: Readonly<Record<string, (random: Random) => Shapes>> = {
  "a product of one row": (random) => {
    const depth = depthOf(random);
    return {
      op: "MatMul",
      inputs: [
        [1, depth],
        [depth, columnsOf(random)],
      ],
    };
  },
  "a product of one row for each of a batch": (random) => {
    const [depth, heads] = [depthOf(random), 1 + random.below(3)];
    const batch = random.pick([
      [2, heads],
      [1, heads],
      [2, 1],
    ]);
    return {
      op: "MatMul",
      inputs: [
        [2, heads, 1, depth],
        [...batch, depth, columnsOf(random)],
      ],
    };
  },
  "a Gemm of one row with a bias": (random) => {
    const [depth, columns] = [depthOf(random), columnsOf(random)];
    const bias = random.pick([[columns], [1, columns], [1], []]);
    return { op: "Gemm", inputs: [[1, depth], [depth, columns], bias], constants: random.pick([[], [2]]) };
  },
  "a convolution of one filter in a group": (random) => {
    const [group, channels] = [1 + random.below(3), 1 + random.below(random.pick([3, 3, 30]))];
    const kernel = Array.from({ length: 1 + random.below(2) }, () => 1 + random.below(3));
    const pads = kernel.map((length) => random.below(length));
    const attributes = { group, pads: [...pads, ...pads], strides: kernel.map(() => 1 + random.below(2)) };
    const image = [1 + random.below(2), group * channels, ...kernel.map(() => 3 + random.below(6))];
    const bias = random.pick([[], [[group]]]);
    const inputs = [image, [group, channels, ...kernel], ...bias];
    const constants = random.pick([[], [1], [1, 2]]).filter((i) => i < inputs.length);
    return { op: "Conv", inputs, attributes, constants };
  },
  "a sum over the axis between": (random) => ({
    op: random.pick(["ReduceSum", "ReduceMean"]),
    inputs: [[1 + random.below(3), depthOf(random), columnsOf(random)]],
    axes: 1,
  }),
};

const operators = ({ instructions }: CourtModel): string[] => instructions.map(({ operator }) => operator);

describe("The kernel for one row", () => {
  before(initHash);

  for (const runtime of RUNTIMES) {
    for (const [what, shapesOf] of Object.entries(NODES)) {
      it(`of ${runtime}: ${what} has onnxruntime's bits, whatever its columns and numbers`, async () => {
        const random = new Random(what.length);
        for (let i = 0; i < CASES[runtime]; i++) {
          const shapes = shapesOf(random);
          const { description } = modelOf(caseOf(shapes, runtime, random, usual));
          const model = await readModel(onnxFile(description), inProcess);
          for (const number of Object.values(NUMBERS)) {
            const { feeds } = modelOf(caseOf(shapes, runtime, random, number));
            checkTrace(model, await runTrace(model, feeds, inProcess));
          }
        }
      });
    }
  }

  it("of wasm has a node for whole fours of columns, one for the others, and a Concat", async () => {
    const random = new Random(1);
    const given = caseOf(
      {
        op: "MatMul",
        inputs: [
          [1, 31],
          [31, 9],
        ],
      },
      "wasm",
      random,
      usual,
    );
    const { model } = await check(given);
    assert.deepEqual(
      operators(model).filter((operator) => operator !== "View"),
      ["Pad", "Gather", "Pad", "Gather", "MatMul", "MatMul", "Concat"],
    );
    const sums = model.nodes.filter((_, i) => model.instructions[i]?.operator === "MatMul");
    assert.deepEqual(
      sums.map(({ numeric }) => numeric.block),
      [0, 4],
    );
  });

  it("of wasm is one node where its columns are whole fours, or its terms too few to tell", async () => {
    const random = new Random(2);
    for (const [depth, columns] of [
      [31, 8],
      [4, 9],
    ] as const) {
      const { model } = await check(
        caseOf(
          {
            op: "MatMul",
            inputs: [
              [1, depth],
              [depth, columns],
            ],
          },
          "wasm",
          random,
          usual,
        ),
      );
      assert.deepEqual(
        operators(model).filter((operator) => operator !== "View"),
        ["MatMul"],
      );
    }
  });

  it("of wasm gives -0 where all products are, so that nobody is convicted for it", async () => {
    const filter = fromFloat32Array(new Float32Array(9).fill(-1), [1, 1, 3, 3]);
    const image = fromFloat32Array(new Float32Array(36), [1, 1, 6, 6]);
    for (const bias of [undefined, -0, 0]) {
      const more = bias === undefined ? {} : { 2: fromFloat32Array(Float32Array.of(bias)) };
      const { trace } = await check({
        op: "Conv",
        inputs: [image],
        constants: { 1: filter, ...more },
        runtime: "wasm",
      });
      assert.equal(trace.at(-1)?.data[3], Object.is(bias, 0) ? 0 : 0x80);
    }
  });

  it("of wasm is not used for a product with a constant, whose sums of nothing but -0 are +0", async () => {
    for (const bias of [0, -0]) {
      const constants = {
        1: fromFloat32Array(new Float32Array(600 * 5).fill(-1), [600, 5]),
        2: fromFloat32Array(new Float32Array(5).fill(bias)),
      };
      const inputs = [fromFloat32Array(new Float32Array(600), [1, 600])];
      const { model, trace } = await check({ op: "Gemm", inputs, constants, runtime: "wasm" });
      assert.deepEqual(model.nodes.at(-1)?.numeric, { mode: 0, fused: false, block: 256, biasFirst: true });
      assert.ok(trace.at(-1)?.data.every((byte) => byte === 0));
    }
  });

  it("of wasm cuts a filter of more than 128 terms as the convolution does, each block into fours by itself", async () => {
    const random = new Random(3);
    for (const [channels, length] of [
      [150, 143],
      [300, 38],
      [700, 7],
    ] as const) {
      const inputs = [
        [1, channels, length],
        [1, channels, 2],
      ];
      const shapes = { op: "Conv", inputs, constants: [1] };
      const { elements } = await check(caseOf(shapes, "wasm", random, usual));
      assert.ok(elements > length);
    }
  });
});
