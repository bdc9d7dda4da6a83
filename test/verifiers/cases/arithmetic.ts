import { broadcastStrides } from "../../../sdk/src/graph/indices.js";
import type { DType, Tensor } from "../../../sdk/src/tensor/index.js";
import {
  canonicaliseNaN,
  fromFloat32Array,
  fromNumbers,
  makeTensor,
  toFloat32Array,
  toTypedArray,
} from "../../../sdk/src/tensor/index.js";
import type { Random } from "../../../sdk/test/tensor/random.js";
import type { Case, Generator } from "../support/cases.js";
import { caseOf } from "../support/cases.js";
import { runOneNode } from "../support/onnx.js";
import { float32Bits, float32Bytes, randomDims, randomTensor } from "../support/values.js";

const INTEGERS = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"] as const;

const binary =
  (operator: "Add" | "Sub" | "Mul" | "Div"): Generator =>
  async (random: Random): Promise<Case> => {
    const dtype: DType = random.below(3) > 0 ? "float32" : random.pick(INTEGERS);
    const dims = randomDims(random, 1 + random.below(3));
    const a = randomTensor(random, dtype, narrowed(random, dims));
    const b = randomTensor(random, dtype, narrowed(random, dims));
    const divisor = operator === "Div" && dtype !== "float32" ? defined(b) : b;
    const output = await runOneNode({ opType: operator, inputs: [a, divisor], dtype });
    const stridesA = broadcastStrides(a.dims, output.dims);
    const stridesB = broadcastStrides(b.dims, output.dims);
    return caseOf(random, { operator, baseA: 0, stridesA, baseB: 0, stridesB }, [a, divisor], output);
  };

/** Axes left out or of length one, to be broadcast. */
function narrowed(random: Random, dims: readonly number[]): number[] {
  const from = random.below(4) === 0 ? random.below(dims.length + 1) : 0;
  return dims.slice(from).map((dim) => (random.below(4) === 0 ? 1 : dim));
}

/** Without zeros, and without -1, by which the smallest integer cannot be divided. */
function defined(divisor: Tensor): Tensor {
  const values = Array.from(toTypedArray(divisor) as ArrayLike<number | bigint>, Number);
  const other = values.map((value, i) => (value === 0 || value === -1 ? 1 + (i % 7) : undefined));
  const replaced = toTypedArray(
    fromNumbers(
      divisor.dtype,
      divisor.dims,
      other.map((value) => value ?? 0),
    ),
  );
  const kept = toTypedArray(makeTensor(divisor.dtype, divisor.dims, Uint8Array.from(divisor.data)));
  other.forEach((value, i) => {
    if (value !== undefined) kept[i] = replaced[i] as never;
  });
  return makeTensor(divisor.dtype, divisor.dims, new Uint8Array(kept.buffer));
}

async function sqrt(random: Random): Promise<Case> {
  const x = randomTensor(random, "float32", randomDims(random, 1 + random.below(4)));
  const output = await runOneNode({ opType: "Sqrt", inputs: [x], dtype: "float32" });
  return caseOf(random, { operator: "Sqrt" }, [x], output);
}

/** ONNX operators that become a product or a quotient. */
const lowered =
  (op: "Reciprocal" | "Neg" | "Pow", power?: number): Generator =>
  async (random: Random): Promise<Case> => {
    // Of a single element onnxruntime takes the power otherwise: preparing a model refuses it.
    const x = randomTensor(random, "float32", [...randomDims(random, random.below(4)), 2 + random.below(20)]);
    const inputs = power === undefined ? [x] : [x, scalar(power)];
    const output = canonicaliseNaN(await runOneNode({ opType: op, inputs, dtype: "float32" }));
    const [a, b] = op === "Reciprocal" ? [scalar(1), x] : op === "Neg" ? [x, scalar(-1)] : [powerLessOne(x, power), x];
    const [stridesA, stridesB] = [a, b].map((each) => broadcastStrides(each.dims, output.dims));
    if (!stridesA || !stridesB) throw new Error("a product has two factors");
    const operator = op === "Reciprocal" ? "Div" : "Mul";
    return caseOf(random, { operator, baseA: 0, stridesA, baseB: 0, stridesB }, [a, b], output);
  };

/** x, or its square. */
function powerLessOne(x: Tensor, power?: number): Tensor {
  if (power === 2) return x;
  return canonicaliseNaN(
    fromFloat32Array(
      toFloat32Array(x).map((value) => value * value),
      x.dims,
    ),
  );
}

const scalar = (value: number): Tensor => makeTensor("float32", [], float32Bytes(value));

function randomScale(random: Random): number {
  return Math.fround(
    random.pick([1, 0.5, 0.1, 0.0078125, 1 / 255, 1e-3, 3, 1e-40, 1e30, (1 + random.below(1000)) / 977]),
  );
}

async function quantizeLinear(random: Random): Promise<Case> {
  const dtype = random.pick(["uint8", "int8", "uint16", "int16"] as const);
  const x = randomTensor(random, "float32", randomDims(random, 1 + random.below(4)));
  const scale = randomScale(random);
  const zero = randomTensor(random, dtype, []);
  const output = await runOneNode({ opType: "QuantizeLinear", inputs: [x, scalar(scale), zero], dtype });
  const zeroPoint = Number(toTypedArray(zero)[0]);
  return caseOf(random, { operator: "QuantizeLinear", scale: float32Bits(scale), zeroPoint }, [x], output);
}

async function dequantizeLinear(random: Random): Promise<Case> {
  const dtype = random.pick(["uint8", "int8", "uint16", "int16", "int32"] as const);
  const x = randomTensor(random, dtype, randomDims(random, 1 + random.below(4)));
  const scale = randomScale(random);
  const zero = dtype === "int32" ? undefined : randomTensor(random, dtype, []);
  const output = await runOneNode({ opType: "DequantizeLinear", inputs: [x, scalar(scale), zero], dtype: "float32" });
  const zeroPoint = zero ? Number(toTypedArray(zero)[0]) : 0;
  return caseOf(random, { operator: "DequantizeLinear", scale: float32Bits(scale), zeroPoint }, [x], output);
}

export const ELEMENTWISE: Readonly<Record<string, Generator>> = {
  ADD: binary("Add"),
  SUB: binary("Sub"),
  MUL: binary("Mul"),
  DIV: binary("Div"),
  SQRT: sqrt,
  "DIV for Reciprocal": lowered("Reciprocal"),
  "MUL for Neg": lowered("Neg"),
  "MUL for Pow 2": lowered("Pow", 2),
  "MUL for Pow 3": lowered("Pow", 3),
};

export const QUANTIZATION: Readonly<Record<string, Generator>> = {
  QUANTIZE_LINEAR: quantizeLinear,
  DEQUANTIZE_LINEAR: dequantizeLinear,
};
