import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { toBits } from "../../src/graph/float32.js";
import type { BlockSumInstruction } from "../../src/graph/longRows.js";
import { firstUnexplained, outside, rangesOf } from "../../src/graph/ranges.js";
import { fromFloat32Array, fromNumbers, initHash, toFloat32Array, type Tensor } from "../../src/tensor/index.js";
import { Network } from "../support/anyTrace.js";
import { Random } from "../tensor/random.js";

// Whatever the court lets stand must be explained by any other trace that it lets stand: who challenges it loses a bond.

const DIMS = [1, 2, 3];
const LARGEST = 3.4028234663852886e38;

type Draw = (random: Random) => number;
const uniform: Draw = (random) => random.next() / 2 ** 31 - 1;
const INPUTS: Readonly<Record<string, Draw>> = {
  "like activations": (random) => 4 * uniform(random),
  "of many magnitudes": (random) => uniform(random) * 2 ** (random.below(200) - 100),
  "close to overflow": (random) => uniform(random) * LARGEST,
  "of which the functions overflow": (random) => 80 + 20 * uniform(random),
  "with infinities and NaN among them": (random) =>
    random.below(5) === 0 ? random.pick([NaN, Infinity, -Infinity]) : 4 * uniform(random),
  "of any kind": (random) =>
    random.pick([0, -0, 1, 1e-45, 2 ** -126, LARGEST, -LARGEST, NaN, Infinity, -Infinity, uniform(random)]),
};
const weight: Draw = (random) =>
  random.pick([uniform(random), 2 * uniform(random), 0, random.below(9) === 0 ? Infinity : 1]);

function floats(random: Random, draw: Draw, dims: readonly number[]): Tensor {
  const count = dims.reduce((product, length) => product * length, 1);
  return fromFloat32Array(
    Float32Array.from({ length: count }, () => draw(random)),
    dims,
  );
}

const ROWS = { outer: 2, length: 3, inner: 1 };
const WINDOW = { kernel: [3], strides: [1], dilations: [1], padsBegin: [1] };
const ALIKE = { baseA: 0, stridesA: [6, 3, 1], baseB: 0, stridesB: [6, 3, 1] };
const SCALE = { scale: toBits(0.05), zeroPoint: 128 };

/** A step of a network from one place of the trace, or two, to the next. */
type Step = (network: Network, x: number, y: number, random: Random) => number;
const plain =
  (instruction: Parameters<Network["add"]>[0]): Step =>
  (network, x) =>
    network.add(instruction, [x], DIMS);
const ofTwo =
  (operator: "Add" | "Sub" | "Mul" | "Div"): Step =>
  (network, x, y) =>
    network.add({ operator, ...ALIKE }, [x, y], DIMS);
const ofRows =
  (operator: "ToleranceReduceSum" | "ToleranceReduceMean"): Step =>
  (network, x) => {
    const reduced = network.add({ operator, ...ROWS }, [x], [1, 2, 1]);
    return network.add({ operator: "View", base: 0, strides: [2, 1, 0] }, [reduced], DIMS);
  };

const SUMS: readonly Step[] = [
  (network, x, _, random) =>
    network.add({ operator: "ToleranceMatMul", strides: [] }, [x, floats(random, weight, [3, 3]), undefined], DIMS),
  (network, x, _, random) =>
    network.add(
      { operator: "ToleranceConv", convolution: { ...WINDOW, group: 1 } },
      [x, floats(random, weight, [2, 2, 3]), floats(random, uniform, [2])],
      DIMS,
    ),
  plain({ operator: "ToleranceAveragePool", ...WINDOW, divisor: 0 }),
  ofRows("ToleranceReduceSum"),
  ofRows("ToleranceReduceMean"),
  (network, x, _, random) =>
    network.add(
      { operator: "ToleranceBatchNormalization" },
      [x, ...[1, 2, 3].map(() => floats(random, uniform, [2]))],
      DIMS,
    ),
];

const FUNCTIONS: readonly Step[] = [
  ...(["Exp", "Log", "Sigmoid", "Tanh", "Erf"] as const).map((operator) => plain({ operator })),
  plain({ operator: "Gelu", tanh: true }),
  plain({ operator: "Softmax", inner: 1 }),
  (network, x, _, random) =>
    network.add(
      { operator: "LayerNormalization", epsilon: toBits(1e-5) },
      [x, floats(random, uniform, [3]), floats(random, uniform, [3])],
      DIMS,
    ),
];

/** Of rows of three, as of rows that are too long for one transaction. */
const totalOf = (network: Network, operator: BlockSumInstruction["operator"], x: number, ofRow?: number): number => {
  const ofBlocks = network.add({ operator, length: 3 }, ofRow === undefined ? [x] : [x, ofRow], [2, 1]);
  return network.add({ operator: "ToleranceReduceSum", outer: 2, length: 1, inner: 1 }, [ofBlocks], [2]);
};
const LONG_ROWS: readonly Step[] = [
  (network, x) => {
    const max = network.add({ operator: "BlockMax", length: 3 }, [x], [2]);
    const sum = totalOf(network, "BlockExponentials", x, max);
    return network.add({ operator: "LongSoftmax", length: 3, inner: 1 }, [x, max, sum], DIMS);
  },
  (network, x, _, random) => {
    const [sum, magnitudes] = [totalOf(network, "BlockSum", x), totalOf(network, "BlockMagnitudes", x)];
    const squares = totalOf(network, "BlockSquares", x, sum);
    return network.add(
      { operator: "LongLayerNormalization", length: 3, epsilon: toBits(1e-5) },
      [x, sum, magnitudes, squares, floats(random, uniform, [3]), floats(random, uniform, [3])],
      DIMS,
    );
  },
];

const OTHERS: readonly Step[] = [
  ...(["Add", "Sub", "Mul", "Div"] as const).map(ofTwo),
  plain({ operator: "Relu" }),
  plain({ operator: "Sqrt" }),
  plain({ operator: "LeakyRelu", alpha: toBits(0.1) }),
  plain({ operator: "Clip", min: "0x", max: "0x0000c040" }),
  plain({ operator: "MaxPool", ...WINDOW }),
  (network, x) => {
    const quantized = network.add({ operator: "QuantizeLinear", ...SCALE }, [x], DIMS, "uint8");
    return network.add({ operator: "DequantizeLinear", ...SCALE }, [quantized], DIMS);
  },
];

/** Up to five steps from what was computed before, and a label in the end of some. */
function randomNetwork(random: Random): Network {
  const network = new Network({ dtype: "float32", dims: DIMS });
  const floatsAt = [0];
  for (let steps = 1 + random.below(5); steps > 0; steps--) {
    const make = random.pick(random.pick([SUMS, SUMS, FUNCTIONS, LONG_ROWS, OTHERS]));
    floatsAt.push(make(network, floatsAt.at(-1) ?? 0, random.pick(floatsAt), random));
  }
  if (random.below(4) === 0) {
    network.add({ operator: "ArgMax", axis: 2, last: false }, [floatsAt.at(-1)], [1, 2, 1], "int64");
  }
  return network;
}

describe("The ranges of honest results", () => {
  before(initHash);

  for (const [kind, draw] of Object.entries(INPUTS)) {
    it(`hold whatever the court lets stand, of inputs ${kind}`, () => {
      const random = new Random(kind.length);
      let [known, different] = [0, 0];
      for (let i = 0; i < 300; i++) {
        const network = randomNetwork(random);
        const [x, model] = [floats(random, draw, DIMS), network.model()];
        const own = network.run(x, random);
        const ranges = rangesOf(model, own);
        known += ranges.slice(1).reduce((sum, { low }) => sum + low.filter(Number.isFinite).length, 0);
        for (let other = 0; other < 3; other++) {
          const trace = network.run(x, random);
          for (const [at, range] of ranges.entries()) {
            const told = () => `case ${i}, tensor ${at}: ${model.instructions[at - 1]?.operator ?? "input"}`;
            assert.equal(outside(range, trace[at] as Tensor), undefined, told());
          }
          const output = trace.at(-1) as Tensor;
          assert.equal(firstUnexplained(model, own, new Map([["y", output]])), undefined, `case ${i}`);
          if (Buffer.compare(output.data, own.at(-1)?.data ?? new Uint8Array()) !== 0) different++;
        }
      }
      assert.ok(known > 300 && different > 100, `${known} known, ${different} different`);
    });
  }

  /** A product of a row and a column in which this machine has found `own`. */
  function product(row: readonly number[], column: readonly number[], own: number) {
    const network = new Network({ dtype: "float32", dims: [1, row.length] });
    const b = fromNumbers("float32", [column.length, 1], column);
    network.add({ operator: "ToleranceMatMul", strides: [] }, [0, b, undefined], [1, 1]);
    const trace = [fromNumbers("float32", [1, row.length], row), fromNumbers("float32", [1, 1], [own])];
    return { model: network.model(), trace };
  }
  const explains = ({ model, trace }: ReturnType<typeof product>, y: number): boolean =>
    firstUnexplained(model, trace, new Map([["y", fromNumbers("float32", [1, 1], [y])]])) === undefined;

  it("leave open a sum that overflows in another order, though one's own is finite", () => {
    const given = product([-3.4e38, 3.4e38], [0.7, 1.036], 1.14e38);
    for (const y of [Infinity, -Infinity, NaN]) assert.ok(explains(given, y));
  });

  it("close where no order overflows, just below that", () => {
    const given = product([-1.6e38, 1.6e38], [1, 1.1], 1.6e37);
    for (const y of [Infinity, -Infinity, NaN, 3e38]) assert.equal(explains(given, y), false, String(y));
    assert.ok(explains(given, 1.6e37));
  });

  it("leave open a convolution whose padding meets a weight that is no number", () => {
    const network = new Network({ dtype: "float32", dims: [1, 1, 1] });
    const w = fromNumbers("float32", [1, 1, 3], [Infinity, 1, 1]);
    network.add({ operator: "ToleranceConv", convolution: { ...WINDOW, group: 1 } }, [0, w, undefined], [1, 1, 1]);
    const one = fromNumbers("float32", [1, 1, 1], [1]);
    const nan = fromNumbers("float32", [1, 1, 1], [NaN]);
    assert.equal(firstUnexplained(network.model(), [one, one], new Map([["y", nan]])), undefined);
  });

  it("hold other implementations of a function of the inputs, and nothing further away", () => {
    const network = new Network({ dtype: "float32", dims: [1] });
    network.add({ operator: "Sigmoid" }, [0], [1]);
    const own = [fromNumbers("float32", [1], [0]), fromNumbers("float32", [1], [0.5])];
    const found = (y: number) =>
      firstUnexplained(network.model(), own, new Map([["y", fromNumbers("float32", [1], [y])]]));
    assert.equal(found(0.5 + 2 ** -22), undefined);
    assert.deepEqual(found(0.5 + 2 ** -18), { name: "y", element: 0 });
    assert.deepEqual(found(NaN), { name: "y", element: 0 });
  });

  it("hold a long row of the inputs whose totals others took otherwise, and nothing much further away", () => {
    for (const step of LONG_ROWS) {
      const network = new Network({ dtype: "float32", dims: DIMS });
      const random = new Random(5);
      const place = step(network, 0, 0, random);
      const own = network.run(floats(random, uniform, DIMS), random);
      const y = own[place] as Tensor;
      const found = (times: number) => {
        const changed = toFloat32Array(y).map((value, i) => (i === 4 ? value * times : value));
        return firstUnexplained(network.model(), own, new Map([["y", fromFloat32Array(changed, DIMS)]]));
      };
      assert.equal(found(1), undefined);
      assert.deepEqual(found(1.001), { name: "y", element: 4 });
    }
  });
});
