import { Interface } from "ethers";

import { AssayError } from "../errors.js";
import { elementOf } from "../graph/evaluate.js";
import type { Scalar, Values } from "../graph/values.js";
import { toIndex } from "../graph/indices.js";
import { decodeInstruction, plain, type Instruction } from "../graph/instruction.js";
import { Source } from "../graph/types.js";
import { fromHex } from "../tensor/bytes.js";
import { locateElement, type TensorHeader } from "../tensor/commitment.js";
import { dtypeFromOnnx, dtypeSize } from "../tensor/dtype.js";
import { toTypedArray } from "../tensor/tensor.js";
import { ProofCourt__factory } from "../typechain/index.js";
import type { Provenance } from "./accusation.js";
import type { Claim } from "./types.js";

const court = new Interface(ProofCourt__factory.abi);

/** An element that was read of an operand. */
export interface ReadElement {
  readonly operand: number;
  readonly element: number;
  readonly value: Scalar;
}

/** What a claim says, in values. */
export interface ExplainedClaim {
  readonly instruction: Instruction;
  /** Coordinates of the element in the node's output. */
  readonly index: readonly number[];
  readonly operands: readonly { readonly source: Source; readonly tensor: number; readonly header: TensorHeader }[];
  /** What the element is computed from, in the order in which it was read, each once. */
  readonly read: readonly ReadElement[];
  /** What the provider committed to. */
  readonly claimed: Scalar;
  /** What follows from the operands. */
  readonly correct: Scalar;
}

/** An accusation out of the data of the transaction that made it; undefined if the transaction is another call. */
export function decodeAccusation(data: string): { claim: Claim; provenance: Provenance } | undefined {
  const parsed = court.parseTransaction({ data });
  if (parsed?.name !== "proveFraud" && parsed?.name !== "proveMalformedLeaf") return undefined;
  const [, claim, provenance] = parsed.fragment.inputs.map((type, i) => plain(type, parsed.args[i]));
  return { claim: claim as Claim, provenance: provenance as Provenance };
}

/** Computes the accused element anew from nothing but the leaves that the claim opens. */
export function explainClaim(claim: Claim): ExplainedClaim {
  const { node, headers, element } = claim;
  const instruction = decodeInstruction(node);
  const output = opened(claim, node.operands.length);
  const read = new Map<string, ReadElement>();
  const operands = node.operands.map(({ source }, operand): Values | undefined => {
    if (source === Source.Absent) return undefined;
    const values = opened(claim, operand);
    const at = (place: number) => {
      const value = values.at(place);
      read.set(`${operand} ${place}`, { operand, element: place, value });
      return value;
    };
    return { ...values, at };
  });
  const correct = elementOf(instruction, operands, output, element, node.numeric);
  return {
    instruction,
    index: toIndex(element, output.dims),
    operands: node.operands.map(({ source, tensor }, i) => ({ source, tensor, header: headerOf(headers, i) })),
    read: [...read.values()],
    claimed: output.at(element),
    correct,
  };
}

/** A tensor of which only the leaves of the claim are known. */
function opened({ headers, openings }: Claim, operand: number): Values {
  const header = headerOf(headers, operand);
  const dtype = dtypeFromOnnx(header.dtype);
  const leaves = new Map(openings.filter((each) => each.operand === operand).map(({ leaf, data }) => [leaf, data]));
  return {
    dtype,
    dims: header.dims.slice(0, header.rank),
    at: (element) => {
      const { leafIndex, byteOffset } = locateElement(header, element);
      const leaf = leaves.get(leafIndex);
      if (leaf === undefined) throw new AssayError(`the claim does not open leaf ${leafIndex} of operand ${operand}`);
      const data = fromHex(leaf).slice(byteOffset, byteOffset + dtypeSize(dtype));
      const [value] = toTypedArray({ dtype, dims: [], data });
      if (value === undefined) throw new AssayError(`leaf ${leafIndex} of operand ${operand} is too short`);
      return value;
    },
  };
}

function headerOf(headers: readonly TensorHeader[], operand: number): TensorHeader {
  const header = headers[operand];
  if (!header) throw new AssayError(`the claim has no header ${operand}`);
  return header;
}
