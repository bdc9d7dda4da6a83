import { fromBits, toBits } from "../../../sdk/src/graph/float32.js";
import { decodeInstruction } from "../../../sdk/src/graph/instruction.js";
import { contradicts } from "../../../sdk/src/graph/judge.js";
import { ANY_ORDER } from "../../../sdk/src/graph/types.js";
import type { Layout, TensorCommitment } from "../../../sdk/src/tensor/index.js";
import { commitTensor, elementCount } from "../../../sdk/src/tensor/index.js";
import { Random } from "../../../sdk/test/tensor/random.js";
import type { RawClaim } from "./abi.js";
import type { Case, Generator } from "./cases.js";
import { claimOf } from "./cases.js";
import { float32At, float32Bytes, withElement } from "./values.js";

const ELEMENTS = 6;
const LARGEST = 0x7f7fffff;

/** Numbers in their order, neighbours one apart; both zeros are zero. */
export const rankOf = (value: number): number => (value < 0 ? -toBits(-value) : toBits(Math.abs(value)));
export const atRank = (rank: number): number => (rank < 0 ? -fromBits(-rank) : fromBits(rank));

/** The last number that stands on one side, and the next one. */
export interface Edge {
  last: number;
  next: number;
}

/** Where numbers cease to stand on either side of an honest one; none where all do, or it is not finite. */
export function edgesAround(honest: number, stands: (y: number) => boolean): Edge[] {
  if (!Number.isFinite(honest)) return [];
  return [1, -1].flatMap((side): Edge[] => {
    if (stands(side * fromBits(LARGEST))) return [];
    let [last, next] = [rankOf(honest), side * LARGEST];
    while (Math.abs(next - last) > 1) {
      const middle = Math.trunc((last + next) / 2);
      if (stands(atRank(middle))) last = middle;
      else next = middle;
    }
    return [{ last: atRank(last), next: atRank(next) }];
  });
}

/** Of some elements of some cases, claims about the last number that stands on either side, and about the next one. */
export async function claimsAtEdges(
  generate: Generator,
  cases: number,
): Promise<{ within: RawClaim[]; beyond: RawClaim[] }> {
  const random = new Random(11);
  const [within, beyond]: [RawClaim[], RawClaim[]] = [[], []];
  for (let i = 0; i < cases; i++) {
    const made = await generate(random);
    for (const [element, edges] of edgesOf(made)) {
      within.push(...edges.map(({ last }) => claimOf(withOutput(made, element, last), element)));
      beyond.push(...edges.map(({ next }) => claimOf(withOutput(made, element, next), element)));
    }
  }
  return { within, beyond };
}

/** Of some elements, the largest and the smallest number that integers of any length accept, and their neighbours. */
export function edgesOf(made: Case): [element: number, edges: Edge[]][] {
  const operands = made.tensors.slice(0, -1).map((each) => each?.tensor);
  const { tensor: output } = made.tensors.at(-1) as TensorCommitment;
  const instruction = decodeInstruction(made.node);
  const count = elementCount(output.dims);
  const elements = Array.from({ length: Math.min(count, ELEMENTS) }, (_, i) => Math.floor((i * count) / ELEMENTS));
  return [...new Set(elements)].map((element) => {
    const stands = (y: number) =>
      !contradicts(instruction, operands, withElement(output, element, float32Bytes(y)), element, ANY_ORDER);
    return [element, edgesAround(float32At(output, element), stands)];
  });
}

export function withOutput(made: Case, element: number, value: number): Case {
  const { tensor, header } = made.tensors.at(-1) as TensorCommitment;
  const changed = commitTensor(withElement(tensor, element, float32Bytes(value)), header.layout as Layout);
  return { ...made, tensors: made.tensors.with(-1, changed) };
}
