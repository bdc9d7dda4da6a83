/**
 * How far functions of onnxruntime are from their exact values, beside the bound that an element must keep.
 *
 *   npm run bench:functions                    prints the table
 *   npm run bench:functions -- --values 1000000 --seed 7
 */
import { parseArgs } from "node:util";

import Table from "cli-table3";

import { floatParts, magnitude } from "../sdk/src/graph/fixedFunctions.js";
import { fromBits, toBits } from "../sdk/src/graph/float32.js";
import { functionBounds, type FunctionInstruction } from "../sdk/src/graph/functions.js";
import type { Bound } from "../sdk/src/graph/bounds.js";
import { valuesOf } from "../sdk/src/graph/values.js";
import { fromFloat32Array, initHash, toFloat32Array, type Tensor } from "../sdk/src/tensor/index.js";
import { Random } from "../sdk/test/tensor/random.js";
import { float, int, runOneNode } from "../test/verifiers/support/onnx.js";

const { values: options } = parseArgs({
  options: { values: { type: "string", default: "200000" }, seed: { type: "string", default: "1" } },
});
const COUNT = Number(options.values);
const random = new Random(Number(options.seed));
const EPSILON = Math.fround(1e-5);

interface Measured {
  name: string;
  opType: string;
  instruction: FunctionInstruction;
  /** Where the function bends: half of the values lie within. */
  range: number;
  attribute?: Parameters<typeof runOneNode>[0]["attribute"];
  /** Of a row, and what is added to each element. */
  length?: number;
  mean?: number;
  /** Logarithm of the least exact value of which the error is told in units in the last place; a half without. */
  least?: number;
}

const elementwise = (name: "Exp" | "Log" | "Sigmoid" | "Tanh" | "Erf", range: number, least = -1): Measured => ({
  name,
  opType: name,
  instruction: { operator: name },
  range,
  least,
});
const softmax = (length: number, range: number): Measured => ({
  name: `Softmax of ${length}, up to ${2 * range} apart`,
  opType: "Softmax",
  instruction: { operator: "Softmax", inner: 1 },
  range,
  length,
  least: -126,
});
const layerNormalization = (length: number, mean: number): Measured => ({
  name: `LayerNormalization of ${length}, mean ${mean}`,
  opType: "LayerNormalization",
  instruction: { operator: "LayerNormalization", epsilon: toBits(EPSILON) },
  range: 1,
  attribute: [int("axis", -1), float("epsilon", EPSILON)],
  length,
  mean,
});
const tanh = { name: "approximate", type: 3, s: new TextEncoder().encode("tanh") };

const FUNCTIONS: readonly Measured[] = [
  elementwise("Exp", 100, -126),
  elementwise("Log", 4),
  elementwise("Sigmoid", 20),
  elementwise("Tanh", 10),
  elementwise("Erf", 4),
  { name: "Gelu", opType: "Gelu", instruction: { operator: "Gelu", tanh: false }, range: 8 },
  { name: "Gelu by tanh", opType: "Gelu", instruction: { operator: "Gelu", tanh: true }, range: 8, attribute: [tanh] },
  ...[8, 128, 1024].map((length) => softmax(length, 10)),
  softmax(128, 50),
  ...[64, 1024].flatMap((length) => [0, 10].map((mean) => layerNormalization(length, mean))),
];

/** Half of them where the function bends, a quarter of any magnitude, a quarter of any bits; in rows the first kind. */
function operandOf({ range, length = 1, mean = 0 }: Measured): Tensor {
  const rows = Math.ceil(COUNT / length);
  const next = (): number => {
    const uniform = (random.next() / 2 ** 31 - 1) * range + mean;
    if (length > 1 || random.below(2) === 0) return uniform;
    if (random.below(2) === 0) return uniform * 2 ** -random.below(40);
    const any = fromBits(random.next());
    return Number.isFinite(any) ? any : uniform;
  };
  return fromFloat32Array(Float32Array.from({ length: rows * length }, next), [rows, length]);
}

/** The worst of all elements. */
interface Worst {
  judged: number;
  /** Part of the bound. */
  share: number;
  /** Units in the last place of the exact value, where that is not too small for it. */
  ulps: number;
}

async function measure(measured: Measured): Promise<Worst> {
  const x = operandOf(measured);
  const each = Float32Array.from({ length: measured.length ?? 1 }, () => 0.5 + random.next() / 2 ** 32);
  const parameters = measured.opType === "LayerNormalization" ? [each, each.map((value) => value - 1)] : [];
  const tensors = [x, ...parameters.map((values) => fromFloat32Array(values, [values.length]))];
  const { opType, attribute, instruction } = measured;
  const computed = await runOneNode({ opType, inputs: tensors, dtype: "float32", ...(attribute ? { attribute } : {}) });
  const bounds = functionBounds(instruction, tensors.map(valuesOf));
  const worst: Worst = { judged: 0, share: 0, ulps: 0 };
  toFloat32Array(computed).forEach((y, element) => {
    const bound = bounds(element);
    if (bound.radius === undefined || !Number.isFinite(y)) return;
    const error = errorOf(bound, y);
    worst.judged++;
    worst.share = Math.max(worst.share, Number(error) / (Number(bound.radius) + 1));
    worst.ulps = Math.max(worst.ulps, inUlps(bound, error, measured.least ?? -1));
  });
  return worst;
}

/** In units of the bound. */
function errorOf({ center, exponent }: Bound, y: number): bigint {
  const { m, shift } = floatParts(y);
  const value = m << (shift - 149n - exponent);
  return magnitude((y < 0 ? -value : value) - center);
}

function inUlps({ center, exponent }: Bound, error: bigint, least: number): number {
  const length = BigInt(magnitude(center).toString(2).length);
  if (length + exponent <= BigInt(least)) return 0;
  return Number(error) / 2 ** Number(length - 24n);
}

await initHash();
const table = new Table({
  head: ["function", "values", "worst error", "of the bound"],
  colAligns: ["left", "right", "right", "right"],
  style: { head: [], border: [] },
  chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
});
for (const measured of FUNCTIONS) {
  const { judged, share, ulps } = await measure(measured);
  table.push([
    measured.name,
    judged.toLocaleString("en-US"),
    `${ulps.toFixed(2)} ulp`,
    `${(share * 100).toFixed(2)} %`,
  ]);
}
console.log(table.toString());
