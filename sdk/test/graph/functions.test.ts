import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import { fma, fromBits, toBits } from "../../src/graph/float32.js";
import type { FunctionInstruction } from "../../src/graph/functions.js";
import { contradicts } from "../../src/graph/judge.js";
import { ANY_ORDER } from "../../src/graph/types.js";
import { fromFloat32Array, initHash, type Tensor } from "../../src/tensor/index.js";
import { exp, STATISTICS, summed, uniform, within } from "../support/implementations.js";
import { Random } from "../tensor/random.js";

// Honest results of implementations that nobody has listed, of functions as bad as docs/verifiers/FUNCTIONS.md grants.

const CASES = 2000;
const ROWS = 300;
const f = Math.fround;

const tensor = (dims: readonly number[], values: readonly number[]): Tensor =>
  fromFloat32Array(Float32Array.from(values), dims);
const add = (a: number, b: number): number => f(a + b);

const tanh = within(5, Math.tanh);
const erf = within(16, exactErf);

/** To some 2^-50: a series that does not cancel. */
function exactErf(x: number): number {
  if (Math.abs(x) > 5.5) return Math.sign(x);
  let [sum, term] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

type Way = (random: Random, x: number) => number;

const FUNCTIONS: readonly [what: string, instruction: FunctionInstruction, range: number, ways: readonly Way[]][] = [
  ["exp", { operator: "Exp" }, 95, [exp]],
  ["log", { operator: "Log" }, 100, [within(3, Math.log), (_, x) => f(f(Math.log2(x)) * f(Math.LN2))]],
  [
    "sigmoid",
    { operator: "Sigmoid" },
    30,
    [
      (random, x) => f(1 / add(1, exp(random, -x))),
      (random, x) => f(exp(random, x) / add(1, exp(random, x))),
      (random, x) => f(1 - f(1 / add(1, exp(random, x)))),
      (random, x) => f(0.5 + f(0.5 * tanh(random, f(0.5 * x)))),
    ],
  ],
  [
    "tanh",
    { operator: "Tanh" },
    12,
    [
      tanh,
      (random, x) => f(1 - f(2 / add(exp(random, f(2 * x)), 1))),
      (random, x) => {
        const e = exp(random, f(-2 * Math.abs(x)));
        return Math.sign(x) * f(add(1, -e) / add(1, e));
      },
    ],
  ],
  ["erf", { operator: "Erf" }, 6, [erf, (random, x) => f(1 - f(1 - erf(random, x)))]],
  [
    "GELU",
    { operator: "Gelu", tanh: false },
    10,
    [
      (random, x) => f(f(0.5 * x) * add(1, erf(random, f(x * f(Math.SQRT1_2))))),
      (random, x) => f(x * add(0.5, f(0.5 * erf(random, f(x / f(Math.SQRT2)))))),
    ],
  ],
  [
    "GELU by tanh",
    { operator: "Gelu", tanh: true },
    10,
    [
      (random, x) => {
        const cubic = f(x + f(f(0.044715) * f(f(x * x) * x)));
        return f(f(0.5 * x) * add(1, tanh(random, f(f(Math.sqrt(2 / Math.PI)) * cubic))));
      },
      (random, x) => {
        const [root, third] = [f(Math.sqrt(2 / Math.PI)), f(Math.sqrt(2 / Math.PI) * 0.044715)];
        const inner = f(x * add(root, f(f(third * x) * x)));
        return f(x * f(1 / add(1, exp(random, f(-2 * inner)))));
      },
    ],
  ],
];

const isContradicted = (instruction: FunctionInstruction, operands: readonly (Tensor | undefined)[], y: number) =>
  contradicts(instruction, operands, tensor([1], [y]), 0, ANY_ORDER);

describe("Functions of float32, however they are implemented", () => {
  before(initHash);

  for (const [what, instruction, range, ways] of FUNCTIONS) {
    it(`${what}: no implementation of the stated accuracy is contradicted`, () => {
      const random = new Random(what.length);
      for (let i = 0; i < CASES; i++) {
        const any = uniform(random) * range * 2 ** -random.below(6);
        const x = f(what === "log" ? Math.abs(any) : any);
        for (const way of ways) {
          const y = way(random, x);
          assert.equal(isContradicted(instruction, [tensor([1], [x])], y), false, `${y} of ${x}`);
        }
      }
    });
  }

  it("contradicts the approximation of GELU by tanh where the function itself was asked for, and the other way round", () => {
    const x = tensor([1], [2]);
    const [exact, byTanh] = [f(1.9544997361), f(1.9545976861)];
    assert.deepEqual(
      [exact, byTanh].map((y) => isContradicted({ operator: "Gelu", tanh: false }, [x], y)),
      [false, true],
    );
    assert.deepEqual(
      [exact, byTanh].map((y) => isContradicted({ operator: "Gelu", tanh: true }, [x], y)),
      [true, false],
    );
  });

  it("contradicts what was rounded to bfloat16", () => {
    const random = new Random(5);
    for (const [what, instruction, range, [way]] of FUNCTIONS) {
      let caught = 0;
      for (let i = 0; i < CASES; i++) {
        const x = f(Math.abs(uniform(random)) * Math.min(range, 4) + 0.01);
        const y = way?.(random, x) ?? NaN;
        if (isContradicted(instruction, [tensor([1], [x])], fromBits((toBits(y) & 0xffff0000) >>> 0))) caught++;
      }
      assert.ok(caught > 0.5 * CASES, `${what}: ${caught}`);
    }
  });
});

const lengthOf = (random: Random): number => 1 + random.below(random.pick([2, 8, 64, 700]));

describe("Softmax of a row", () => {
  before(initHash);

  it("is not contradicted, in whatever order and by whatever exponential it is computed", () => {
    const random = new Random(1);
    const log2e = f(Math.LOG2E);
    for (let i = 0; i < ROWS; i++) {
      const scale = random.pick([0.1, 1, 10, 60]);
      const row = Array.from({ length: lengthOf(random) }, () => f(uniform(random) * scale));
      const most = Math.max(...row);
      const shared = f(most * log2e);
      const place = random.below(row.length);
      for (const each of [
        (x: number) => exp(random, f(x - most)),
        (x: number) => within(2, (value) => 2 ** value)(random, f(f(x - most) * log2e)),
        (x: number) => within(2, (value) => 2 ** value)(random, fma(x, log2e, -shared)),
      ]) {
        const exps = row.map(each);
        const total = summed(random, exps);
        const [own = 0] = [exps[place]];
        for (const y of [f(own / total), f(own * f(1 / total))]) {
          const output = tensor([1, row.length], row.with(place, y));
          const operand = tensor([1, row.length], row);
          assert.equal(
            contradicts({ operator: "Softmax", inner: 1 }, [operand], output, place, ANY_ORDER),
            false,
            `${i}: ${y}`,
          );
        }
      }
    }
  });

  it("is contradicted by that of another temperature, and of a row less one element", () => {
    const row = [0.5, -1, 2, 0.25];
    const softmaxOf = (values: readonly number[]) => {
      const total = values.reduce((sum, value) => sum + Math.exp(value), 0);
      return values.map((value) => Math.exp(value) / total);
    };
    const judged = (ys: readonly number[]) =>
      contradicts({ operator: "Softmax", inner: 1 }, [tensor([1, 4], row)], tensor([1, 4], ys), 1, ANY_ORDER);
    assert.equal(judged(softmaxOf(row)), false);
    assert.equal(judged(softmaxOf(row.map((value) => value * 1.0001))), true);
    assert.equal(judged([...softmaxOf(row.slice(0, 3)), 0]), true);
  });

  for (const [what, row] of [
    ["a NaN", [1, NaN]],
    ["an infinity", [1, Infinity]],
    ["nothing but negative infinities", [-Infinity, -Infinity]],
  ] as const) {
    it(`of ${what} is not judged`, () => {
      const operand = tensor([1, 2], row);
      for (const y of [NaN, 0, 1]) {
        assert.equal(
          contradicts({ operator: "Softmax", inner: 1 }, [operand], tensor([1, 2], [y, y]), 0, ANY_ORDER),
          false,
        );
      }
    });
  }

  it("of a masked element is zero", () => {
    const operand = tensor([1, 2], [-Infinity, 3]);
    const judged = (y: number) =>
      contradicts({ operator: "Softmax", inner: 1 }, [operand], tensor([1, 2], [y, 1]), 0, ANY_ORDER);
    assert.deepEqual([0, 1e-37, NaN].map(judged), [false, true, true]);
  });
});

describe("Layer normalisation of a row", () => {
  before(initHash);

  it("is not contradicted, however mean and variance are taken", () => {
    const random = new Random(2);
    const [rsqrt, sqrt] = [within(2, (x) => 1 / Math.sqrt(x)), within(3, Math.sqrt)];
    let judged = 0;
    for (let i = 0; i < ROWS; i++) {
      const [offset, scale] = [random.pick([0, 0, 1, -20, 300]), random.pick([1e-6, 0.1, 1, 1e4])];
      const row = Array.from({ length: lengthOf(random) }, () => f((uniform(random) + offset) * scale));
      const epsilon = f(random.pick([1e-5, 1e-12, 0]));
      const [gamma, beta] = [f(uniform(random) * 2), f(uniform(random))];
      const place = random.below(row.length);
      const x = row[place] ?? 0;
      const dims = [1, row.length];
      const operands = [
        tensor(dims, row),
        ...[gamma, beta].map((each) =>
          tensor(
            [row.length],
            row.map(() => each),
          ),
        ),
      ];
      const instruction = { operator: "LayerNormalization", epsilon: toBits(epsilon) } as const;
      const isWrong = (y: number) =>
        contradicts(instruction, operands, tensor(dims, row.with(place, y)), place, ANY_ORDER);
      if (isWrong(1e30)) judged++;
      for (const statistics of STATISTICS) {
        const [mean, variance] = statistics(random, row);
        const inverse = rsqrt(random, f(variance + epsilon));
        const factor = f(inverse * gamma);
        for (const y of [
          f(f(f(f(x - mean) / sqrt(random, f(variance + epsilon))) * gamma) + beta),
          fma(f(f(x - mean) * inverse), gamma, beta),
          fma(x, factor, f(beta - f(mean * factor))),
        ]) {
          assert.equal(isWrong(y), false, `case ${i}: ${y} of ${x}`);
        }
      }
    }
    assert.ok(judged > ROWS / 2, String(judged));
  });

  it("is contradicted by another epsilon, by an unbiased variance and by bfloat16", () => {
    const row = [1, 2, 4, -3, 0.5, 0.25, -1, 2.5];
    const dims = [1, row.length];
    const operands = [
      tensor(dims, row),
      tensor(
        [8],
        row.map(() => 1),
      ),
      undefined,
    ];
    const instruction = { operator: "LayerNormalization", epsilon: toBits(1e-5) } as const;
    const mean = row.reduce((sum, x) => sum + x, 0) / row.length;
    const squares = row.reduce((sum, x) => sum + (x - mean) ** 2, 0);
    const of = (variance: number) => f((4 - mean) / Math.sqrt(variance));
    const judged = (y: number) => contradicts(instruction, operands, tensor(dims, row.with(2, y)), 2, ANY_ORDER);
    const honest = of(squares / 8 + 1e-5);
    assert.equal(judged(honest), false);
    assert.equal(judged(of(squares / 8 + 1e-3)), true);
    assert.equal(judged(of(squares / 7 + 1e-5)), true);
    assert.equal(judged(fromBits(toBits(honest) & 0xffff0000)), true);
  });
});
