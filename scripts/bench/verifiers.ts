import { SumOrder, type Instruction } from "../../sdk/src/graph/instruction.js";
import { BLOCK, blocksOf } from "../../sdk/src/graph/longRows.js";
import { withoutOrder } from "../../sdk/src/graph/lowering/tolerance.js";
import { ANY_ORDER, type Numeric } from "../../sdk/src/graph/types.js";
import type { DType, Tensor } from "../../sdk/src/tensor/index.js";
import { commitTensor, elementCount, fromNumbers, initHash, Layout } from "../../sdk/src/tensor/index.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { claimOf, nodeOf } from "../../test/verifiers/support/cases.js";
import { deployVerifier, gasOf, Verdict, verdicts } from "../../test/verifiers/support/judge.js";
import { randomTensor } from "../../test/verifiers/support/values.js";
import type { Figures } from "./snapshot.js";

/** Where they are on record. */
export const VERIFIER_GAS = "verifier-gas";

/** What a verifier takes to judge one element, without calldata and Merkle proofs. */
export interface VerifierRow {
  operator: string;
  /** Of the models that have such nodes. */
  profile: "exact" | "canonical" | "tolerance";
  /** Elements or multiply-adds that are read. */
  reads: number;
  gas: number;
}

interface Operand {
  dtype: DType;
  dims: readonly number[];
  layout?: Layout;
  /** Every element, if they are not random. */
  fill?: number;
}

interface Bench {
  name: string;
  reads: number;
  instruction: Instruction;
  operands: readonly Operand[];
  output: Operand;
  element: number;
  numeric?: Numeric;
}

/** A row that is judged by its totals. */
const LONG = 20_000;
type BlockName = "BlockMax" | "BlockSum" | "BlockMagnitudes" | "BlockSquares" | "BlockExponentials";

const f32 = (...dims: number[]): Operand => ({ dtype: "float32", dims });
const i32 = (...dims: number[]): Operand => ({ dtype: "int32", dims });
const float = (layout: Layout, ...dims: number[]): Operand => ({ dtype: "float32", dims, layout });
const u8 = (layout: Layout, ...dims: number[]): Operand => ({ dtype: "uint8", dims, layout });
const s8 = (layout: Layout, ...dims: number[]): Operand => ({ dtype: "int8", dims, layout });

const FUSED: Numeric = { mode: 0, fused: true, block: 256, biasFirst: true };
const FOURS: Numeric = { mode: 0, fused: false, block: 4, biasFirst: false };

const PROFILES: Readonly<Record<string, VerifierRow["profile"]>> = {
  FloatDot: "canonical",
  ToleranceDot: "tolerance",
  FunctionBounds: "tolerance",
};
const FAMILIES: Readonly<Record<string, readonly Bench[]>> = {
  IndexMaps: [
    indexMap(
      "VIEW (transpose)",
      { operator: "View", base: 0, strides: [480, 1, 80, 16] },
      [f32(2, 5, 6, 16)],
      [2, 16, 6, 5],
    ),
    indexMap(
      "CONCAT of 3",
      { operator: "Concat", axis: 1 },
      [f32(2, 4, 8, 8), f32(2, 4, 8, 8), f32(2, 4, 8, 8)],
      [2, 12, 8, 8],
    ),
    indexMap("PAD", { operator: "Pad", low: [0, 0, 1, 1], value: "0x00000000" }, [f32(1, 8, 8, 8)], [1, 8, 10, 10]),
    {
      ...indexMap("GATHER", { operator: "Gather", axis: 0 }, [f32(100, 64), { dtype: "int64", dims: [16] }], [16, 64]),
      reads: 2,
    },
    { ...indexMap("CAST (int32 to float32)", { operator: "Cast" }, [i32(1, 8, 8, 8)], [1, 8, 8, 8]) },
  ],
  Selection: [
    indexMap("RELU", { operator: "Relu" }, [f32(1, 8, 8, 8)], [1, 8, 8, 8]),
    indexMap("CLIP", { operator: "Clip", min: "0x00000000", max: "0x0000c040" }, [f32(1, 8, 8, 8)], [1, 8, 8, 8]),
    indexMap("LEAKY_RELU", { operator: "LeakyRelu", alpha: 0x3dcccccd }, [f32(1, 8, 8, 8)], [1, 8, 8, 8]),
    maxPool("MAX_POOL 2x2, uint8 pixels", 2, u8(Layout.Pixels, 1, 16, 16, 16)),
    maxPool("MAX_POOL 3x3, uint8 pixels", 3, u8(Layout.Pixels, 1, 16, 16, 16)),
    maxPool("MAX_POOL 3x3, float32 row-major", 3, f32(1, 16, 16, 16)),
    argMax(10),
    argMax(1000),
  ],
  Elementwise: [
    ...(["Add", "Sub", "Mul", "Div"] as const).map((operator) => ({
      ...indexMap(
        operator.toUpperCase(),
        { operator, baseA: 0, stridesA: [512, 64, 8, 1], baseB: 0, stridesB: [0, 1, 0, 0] },
        [f32(1, 8, 8, 8), f32(8, 1, 1)],
        [1, 8, 8, 8],
      ),
      reads: 2,
    })),
    indexMap("SQRT", { operator: "Sqrt" }, [f32(1, 8, 8, 8)], [1, 8, 8, 8]),
  ],
  Quantization: [
    {
      ...indexMap(
        "QUANTIZE_LINEAR",
        { operator: "QuantizeLinear", scale: 0x3dcccccd, zeroPoint: 128 },
        [f32(1, 8, 8, 8)],
        [1, 8, 8, 8],
      ),
      output: u8(Layout.Pixels, 1, 8, 8, 8),
    },
    indexMap(
      "DEQUANTIZE_LINEAR",
      { operator: "DequantizeLinear", scale: 0x3dcccccd, zeroPoint: 128 },
      [u8(Layout.Pixels, 1, 8, 8, 8)],
      [1, 8, 8, 8],
    ),
  ],
  IntegerDot: [
    matMulInteger(512, Layout.ColumnsReversed),
    matMulInteger(4096, Layout.ColumnsReversed),
    matMulInteger(4096, Layout.Columns),
    matMulInteger(65_536, Layout.ColumnsReversed),
    qLinearMatMul(1152),
    convInteger(64),
    qLinearConv("QLINEAR_CONV 3x3x64", 64, 1, Layout.FiltersReversed),
    qLinearConv("QLINEAR_CONV 3x3x128", 128, 1, Layout.FiltersReversed),
    qLinearConv("QLINEAR_CONV 3x3x512", 512, 1, Layout.FiltersReversed),
    qLinearConv("QLINEAR_CONV 3x3x128, not reversed", 128, 1, Layout.Filters),
    qLinearConv("QLINEAR_CONV 3x3, depthwise", 128, 128, Layout.Filters),
  ],
  FloatDot: [
    matMul(64, FUSED),
    matMul(1152, FUSED),
    matMul(8192, FUSED),
    matMul(1152, FOURS),
    matMul(6144, FOURS),
    conv("CONV 3x3x64", 64, 1, FUSED),
    conv("CONV 3x3x128", 128, 1, FUSED),
    conv("CONV 3x3, depthwise", 128, 128, FOURS),
    averagePool("AVERAGE_POOL 3x3", 3, SumOrder.Sequence),
    averagePool("AVERAGE_POOL 7x7, in lanes", 7, SumOrder.Lanes),
    reduceMean("REDUCE_MEAN", SumOrder.Sequence),
    reduceMean("REDUCE_MEAN, in packets", SumOrder.Packets),
    {
      ...indexMap(
        "BATCH_NORMALIZATION",
        { operator: "BatchNormalization" },
        [f32(1, 8, 8, 8), f32(8), f32(8)],
        [1, 8, 8, 8],
      ),
      reads: 3,
    },
  ],
  ToleranceDot: [
    inAnyOrder(matMul(64, ANY_ORDER)),
    inAnyOrder(matMul(1152, ANY_ORDER)),
    inAnyOrder(matMul(8192, ANY_ORDER)),
    inAnyOrder(matMul(16_384, ANY_ORDER)),
    inAnyOrder(conv("CONV 3x3x64", 64, 1, ANY_ORDER)),
    inAnyOrder(conv("CONV 3x3x128", 128, 1, ANY_ORDER)),
    inAnyOrder(conv("CONV 3x3x512", 512, 1, ANY_ORDER)),
    inAnyOrder(conv("CONV 3x3, depthwise", 128, 128, ANY_ORDER)),
    inAnyOrder(averagePool("AVERAGE_POOL 3x3", 3, SumOrder.Sequence)),
    inAnyOrder(averagePool("AVERAGE_POOL 7x7", 7, SumOrder.Sequence)),
    inAnyOrder(reduceMean("REDUCE_SUM", SumOrder.Sequence, "ReduceSum")),
    inAnyOrder(reduceMean("REDUCE_MEAN", SumOrder.Sequence)),
    {
      ...indexMap(
        "TOLERANCE_BATCH_NORMALIZATION",
        { operator: "ToleranceBatchNormalization" },
        [f32(1, 8, 8, 8), f32(8), f32(8), f32(8)],
        [1, 8, 8, 8],
      ),
      reads: 4,
      numeric: ANY_ORDER,
    },
  ],
  FunctionBounds: [
    functionOf("EXP", { operator: "Exp" }),
    functionOf("LOG", { operator: "Log" }),
    functionOf("SIGMOID", { operator: "Sigmoid" }),
    functionOf("TANH", { operator: "Tanh" }),
    functionOf("ERF", { operator: "Erf" }),
    functionOf("GELU", { operator: "Gelu", tanh: false }),
    functionOf("GELU by tanh", { operator: "Gelu", tanh: true }),
    ...[64, 1024, 4096, 16_384].map((length) => row("SOFTMAX", { operator: "Softmax", inner: 1 }, length)),
    ...[64, 1024, 4096, 16_384].map((length) =>
      row("LAYER_NORMALIZATION", { operator: "LayerNormalization", epsilon: 0x3727c5ac }, length, [
        f32(length),
        f32(length),
      ]),
    ),
    block("BLOCK_MAX", "BlockMax"),
    block("BLOCK_SUM", "BlockSum"),
    block("BLOCK_MAGNITUDES", "BlockMagnitudes"),
    block("BLOCK_SQUARES", "BlockSquares", 6e5),
    block("BLOCK_EXPONENTIALS", "BlockExponentials", 60),
    longRow("LONG_SOFTMAX", { operator: "LongSoftmax", length: LONG, inner: 1 }, [2.5, 10_000]),
    longRow(
      "LONG_LAYER_NORMALIZATION",
      { operator: "LongLayerNormalization", length: LONG, epsilon: 0x3727c5ac },
      [LONG, 2 * LONG, 3 * LONG],
      [f32(LONG), f32(LONG)],
    ),
  ],
};

/** The same node, judged by the bound. */
function inAnyOrder(bench: Bench): Bench {
  const name = `TOLERANCE_${bench.name.replace(", in fours", "")}`;
  return { ...bench, name, instruction: withoutOrder(bench.instruction), numeric: ANY_ORDER };
}

/** Of an element near 2.5, where no function saturates. */
function functionOf(name: string, instruction: Instruction): Bench {
  return { ...indexMap(name, instruction, [{ ...f32(1, 8, 8, 8), fill: 2.5 }], [1, 8, 8, 8]), numeric: ANY_ORDER };
}

function row(name: string, instruction: Instruction, length: number, more: Operand[] = []): Bench {
  const operands = [float(Layout.Rows, 2, length), ...more];
  return { name, reads: length, instruction, operands, output: f32(2, length), element: 1, numeric: ANY_ORDER };
}

/** Of numbers near 30, which are not below the maximum by so much that nothing is left of them. */
function block(name: string, operator: BlockName, ofRow?: number): Bench {
  const x = { ...f32(2, LONG), fill: 30 };
  const operands = ofRow === undefined ? [x] : [x, { ...f32(2), fill: ofRow }];
  const instruction = { operator, length: LONG } as const;
  return { name, reads: BLOCK, instruction, operands, output: f32(2, blocksOf(LONG)), element: 1, numeric: ANY_ORDER };
}

/** Of an element of 1.5, by totals of its row. */
function longRow(name: string, instruction: Instruction, totals: readonly number[], more: Operand[] = []): Bench {
  const operands = [{ ...f32(2, LONG), fill: 1.5 }, ...totals.map((fill) => ({ ...f32(2), fill })), ...more];
  const reads = operands.length;
  return { name, reads, instruction, operands, output: f32(2, LONG), element: 1, numeric: ANY_ORDER };
}

export async function measureVerifiers(): Promise<VerifierRow[]> {
  await initHash();
  const rows: VerifierRow[] = [];
  for (const [family, benches] of Object.entries(FAMILIES)) {
    const verifier = await deployVerifier(family);
    const claims = benches.map(claimForBench);
    if ((await verdicts(verifier, claims)).includes(Verdict.NotJudged)) throw new Error(`${family} judges not all`);
    const used = await gasOf(verifier, claims);
    const profile = PROFILES[family] ?? "exact";
    benches.forEach(({ name, reads }, i) => rows.push({ operator: name, profile, reads, gas: used[i] ?? 0 }));
  }
  return rows;
}

export function verifierFigures(rows: readonly VerifierRow[]): Figures {
  return new Map(rows.map(({ operator, reads, gas }) => [`${operator}: ${reads}`, gas]));
}

function claimForBench({ instruction, operands, output, element, numeric }: Bench) {
  const random = new Random(7);
  const commit = ({ dtype, dims, layout, fill }: Operand) =>
    commitTensor(
      fill === undefined ? valuesOf(random, dtype, dims) : fromNumbers(dtype, dims, filled(dims, fill)),
      layout,
    );
  const node = nodeOf(
    instruction,
    operands.map(() => true),
  );
  const ordered = numeric ? { ...node, numeric } : node;
  return claimOf({ node: ordered, tensors: [...operands.map(commit), commit(output)] }, element);
}

const filled = (dims: readonly number[], value: number) => new Array<number>(elementCount(dims)).fill(value);

/** Finite numbers, and indices that are in range. */
function valuesOf(random: Random, dtype: DType, dims: readonly number[]): Tensor {
  return randomTensor(random, dtype, dims, dtype === "int64" ? "small" : dtype === "float32" ? "finite" : "any");
}

/** One element of x for each of the output. */
function indexMap(name: string, instruction: Instruction, operands: Operand[], dims: number[]): Bench {
  return { name, reads: 1, instruction, operands, output: f32(...dims), element: 217 };
}

function maxPool(name: string, size: number, x: Operand): Bench {
  const window = { kernel: [size, size], strides: [1, 1], dilations: [1, 1], padsBegin: [0, 0] };
  const [, channels = 1, height = 1, width = 1] = x.dims;
  const output = { ...x, dims: [1, channels, height - size + 1, width - size + 1] };
  return {
    name,
    reads: size * size,
    instruction: { operator: "MaxPool", ...window },
    operands: [x],
    output,
    element: 217,
  };
}

function argMax(length: number): Bench {
  const instruction: Instruction = { operator: "ArgMax", axis: 1, last: false };
  const output: Operand = { dtype: "int64", dims: [2] };
  return { name: `ARG_MAX of ${length}`, reads: length, instruction, operands: [f32(2, length)], output, element: 1 };
}

function matMulInteger(k: number, layout: Layout): Bench {
  return {
    name: `MATMUL_INTEGER${layout === Layout.Columns ? ", not reversed" : ""}`,
    reads: k,
    instruction: { operator: "MatMulInteger", zeroA: 128, zeroB: 0 },
    operands: [u8(Layout.Rows, 4, k), s8(layout, k, 4)],
    output: i32(4, 4),
    element: 6,
  };
}

function qLinearMatMul(k: number): Bench {
  return {
    name: "QLINEAR_MATMUL",
    reads: k,
    instruction: { operator: "QLinearMatMul", zeroA: 128, zeroB: 0, zeroY: 128 },
    operands: [u8(Layout.Rows, 4, k), s8(Layout.ColumnsReversed, k, 4), f32(4)],
    output: u8(Layout.Rows, 4, 4),
    element: 6,
  };
}

function convolution(channels: number, group: number, layout: Layout) {
  const window = { kernel: [3, 3], strides: [1, 1], dilations: [1, 1], padsBegin: [1, 1] };
  return {
    reads: (9 * channels) / group,
    convolution: { ...window, group },
    x: u8(Layout.Pixels, 1, channels, 8, 8),
    w: s8(layout, 128, channels / group, 3, 3),
    // Not at a border: nine places.
    element: 64 * 5 + 8 * 3 + 3,
  };
}

function convInteger(channels: number): Bench {
  const { reads, convolution: made, x, w, element } = convolution(channels, 1, Layout.FiltersReversed);
  return {
    name: `CONV_INTEGER 3x3x${channels}`,
    reads,
    instruction: { operator: "ConvInteger", convolution: made, zeroX: 128, zeroW: 0 },
    operands: [x, w],
    output: i32(1, 128, 8, 8),
    element,
  };
}

function qLinearConv(name: string, channels: number, group: number, layout: Layout): Bench {
  const { reads, convolution: made, x, w, element } = convolution(channels, group, layout);
  return {
    name,
    reads,
    instruction: { operator: "QLinearConv", convolution: made, zeroX: 128, zeroW: 0, zeroY: 128 },
    operands: [x, w, f32(128), i32(128)],
    output: u8(Layout.Pixels, 1, 128, 8, 8),
    element,
  };
}

function matMul(k: number, numeric: Numeric): Bench {
  return {
    name: `MATMUL${numeric.fused ? "" : ", in fours"}`,
    reads: k,
    instruction: { operator: "MatMul", strides: [0, 1] },
    operands: [float(Layout.Rows, 4, k), float(Layout.Columns, k, 4), f32(4)],
    output: f32(4, 4),
    element: 6,
    numeric,
  };
}

function conv(name: string, channels: number, group: number, numeric: Numeric): Bench {
  const { reads, convolution: made, x, w, element } = convolution(channels, group, Layout.Filters);
  return {
    name,
    reads,
    instruction: { operator: "Conv", convolution: made },
    operands: [float(Layout.Pixels, ...x.dims), float(Layout.Filters, ...w.dims), f32(128)],
    output: f32(1, 128, 8, 8),
    element,
    numeric,
  };
}

function averagePool(name: string, size: number, order: SumOrder): Bench {
  const { instruction, ...bench } = maxPool(name, size, f32(1, 16, 16, 16));
  if (instruction.operator !== "MaxPool") throw new Error("no pooling");
  return { ...bench, instruction: { ...instruction, operator: "AveragePool", divisor: 0, order } };
}

function reduceMean(name: string, order: SumOrder, operator: "ReduceSum" | "ReduceMean" = "ReduceMean"): Bench {
  const shape = { outer: 4, length: 256, inner: 1 };
  return {
    name,
    reads: shape.length,
    instruction: { operator, ...shape, order },
    operands: [f32(4, 256)],
    output: f32(4),
    element: 2,
  };
}

export const benchClaims = (family: string) => (FAMILIES[family] ?? []).map(claimForBench);
