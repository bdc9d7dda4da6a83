import { elementCount, fromFloat32Array } from "../../tensor/tensor.js";
import { anyLayout, type Draft, type Lowering, type Value } from "../draft.js";
import { broadcastStrides, rowMajorStrides, toIndex } from "../indices.js";
import { SumOrder, type Convolution, type InstructionOf } from "../instruction.js";
import { EXACT } from "../types.js";
import { strided, windowPlaces } from "../values.js";
import { between, constant, hasNoMinusZero } from "./compose.js";
import { columnsLeft, isJudgeable, MINUS_ZERO, variantsOf, type Nodes, type OneRow } from "./oneRow.js";
import { view } from "./views.js";

// Which sums onnxruntime-web may have its kernel for one row compute.

/** One product after the other, from -0 or from a bias. */
const FROM_NOTHING = { ...EXACT, biasFirst: true };
const FROM_BIAS = { ...FROM_NOTHING, block: 1 };
/** Terms of a convolution that its kernel takes at once, if it cuts them at all. */
const BLOCKS = [0, 128, 256, 512, 1024];

/**
 * The sums of a lowering, in the orders of the kernel for one row too. These are tried first: where few terms count, as
 * at the edge of an image, what is left of the columns may look as if it were whole fours.
 */
export const alsoOfOneRow =
  (lowering: Lowering): Lowering =>
  (node) =>
    lowering(node).map((draft) => {
      const row = draft.variants && oneRow(draft);
      if (!draft.variants || !row || !isJudgeable(row)) return draft;
      const variants = [...variantsOf(row, draft), ...draft.variants];
      const left = columnsLeft(row);
      return left === 0 ? { ...draft, variants } : { ...draft, variants, fewest: elementCount(row.dims(left)) };
    });

function oneRow({ instruction, operands, output }: Draft): OneRow | undefined {
  switch (instruction.operator) {
    case "MatMul":
      return ofProduct(instruction, operands, output);
    case "Conv":
      return ofConvolution(instruction, operands, output);
    case "ReduceSum":
    case "ReduceMean":
      return ofReduction(instruction, operands);
    default:
      return undefined;
  }
}

function ofProduct(
  { operator, strides }: InstructionOf<"MatMul">,
  [a, b, c]: Draft["operands"],
  { dims }: Value,
): OneRow | undefined {
  if (!a || !b || dims.at(-2) !== 1) return undefined;
  const columns = dims.at(-1) ?? 0;
  const [row, matrix] = [a.value, b.value];
  const rank = matrix.dims.length;
  return {
    terms: row.dims.at(-1) ?? 0,
    columns,
    dims: (count) => dims.with(-1, count),
    axis: dims.length - 1,
    inSequence: c
      ? { instruction: { operator, strides }, operands: [a, b, c], numeric: FROM_BIAS }
      : {
          instruction: { operator, strides: dims.map(() => 0) },
          operands: [a, b, anyLayout(MINUS_ZERO)],
          numeric: FROM_NOTHING,
        },
    blocks: [0],
    factors: (nodes, count, places) => {
      const wanted = between("float32", matrix.dims.with(-1, count));
      const last = nodes.add(view(matrix, wanted, columns - count, rowMajorStrides(matrix.dims)));
      return [nodes.taken(row, row.dims.length - 1, places, "-0"), nodes.taken(last, rank - 2, places, "0")];
    },
    firstBias:
      c &&
      ((nodes, count) => {
        const steps = broadcastStrides(c.value.dims, dims);
        const wanted = between("float32", dims.with(-1, count));
        return nodes.add(view(c.value, wanted, (columns - count) * (steps.at(-1) ?? 0), steps));
      }),
  };
}

/** Of one filter in a group. */
function ofConvolution(
  instruction: InstructionOf<"Conv">,
  [x, w, bias]: Draft["operands"],
  { dims }: Value,
): OneRow | undefined {
  const { convolution } = instruction;
  const [images = 0, filters = 0, ...places] = dims;
  if (!x || !w || convolution.group !== filters) return undefined;
  const size = { terms: elementCount(w.value.dims.slice(1)), columns: elementCount(places) };
  const nothing = constant(fromFloat32Array(new Float32Array(filters).fill(-0)));
  // Once a bias is added that is not -0, nobody sees whether the sum began with +0.
  const isTogether = bias && hasNoMinusZero(bias.value) && columnsLeft(size) === 0;
  return {
    ...size,
    dims: (count) => [images, filters, 1, count],
    axis: 3,
    inSequence: isTogether
      ? { instruction, operands: [x, w, bias], numeric: EXACT }
      : { instruction, operands: [x, w, anyLayout(nothing)], numeric: FROM_NOTHING },
    blocks: BLOCKS.filter((block) => block < size.terms),
    factors: (nodes, count, wanted) => {
      const rows = between("float32", [images, filters, 1, size.terms]);
      const row = nodes.add(view(w.value, rows, 0, [0, size.terms, 0, 1]));
      return [nodes.taken(row, 3, wanted, "-0"), lastPatches(nodes, x.value, convolution, dims, count, wanted)];
    },
    lastBias: isTogether ? undefined : bias?.value,
  };
}

/** What the filters of the last places meet: a column for each, of x channel by channel. */
function lastPatches(
  nodes: Nodes,
  x: Value,
  convolution: Convolution,
  dims: readonly number[],
  count: number,
  wanted: readonly number[],
): Value {
  const [images = 0, groups = 0, ...out] = dims;
  const spatial = x.dims.slice(2);
  const [size, taps] = [elementCount(spatial), elementCount(convolution.kernel)];
  const length = ((x.dims[1] ?? 0) / groups) * size;
  const columns = Array.from({ length: count }, (_, i) => {
    const places = new Map<number, number>();
    const index = toIndex(elementCount(out) - count + i, out);
    for (const { at, tap } of windowPlaces(convolution, index, spatial)) {
      const [place, of] = [
        strided(0, rowMajorStrides(spatial), at),
        strided(0, rowMajorStrides(convolution.kernel), tap),
      ];
      places.set(of, place);
    }
    return places;
  });
  // What lies outside of x is the zero behind it, as what fills fours is.
  const indices = wanted.flatMap((term) =>
    columns.map((places) => {
      const [channel, place] = [Math.floor(term / taps), places.get(term % taps)];
      return place === undefined || channel * size >= length ? length : channel * size + place;
    }),
  );
  const grouped = nodes.add(view(x, between("float32", [images, groups, length]), 0, [groups * length, length, 1]));
  const taken = nodes.taken(grouped, 2, indices, "0");
  const patches = between("float32", [images, groups, wanted.length, count]);
  return nodes.add(view(taken, patches, 0, rowMajorStrides(patches.dims)));
}

/** Axes between others are added up as a product with ones. */
function ofReduction(
  instruction: InstructionOf<"ReduceSum"> | InstructionOf<"ReduceMean">,
  [x]: Draft["operands"],
): OneRow | undefined {
  const { operator, outer, length, inner } = instruction;
  if (!x) return undefined;
  const ones = constant(fromFloat32Array(new Float32Array(length).fill(1), [length, 1]));
  return {
    terms: length,
    columns: inner,
    dims: (count) => [outer, count, 1],
    axis: 1,
    inSequence: { instruction: { ...instruction, order: SumOrder.Sequence }, operands: [x], numeric: EXACT },
    blocks: [0],
    factors: (nodes, count, places) => {
      const wanted = between("float32", [outer, count, length]);
      const last = nodes.add(view(x.value, wanted, inner - count, [length * inner, 1, inner]));
      return [nodes.taken(last, 2, places, "0"), nodes.taken(ones, 0, places, "-0")];
    },
    divisor: operator === "ReduceMean" ? length : undefined,
  };
}
