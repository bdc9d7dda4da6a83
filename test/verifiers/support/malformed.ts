import type { TensorHeader } from "../../../sdk/src/tensor/index.js";
import type { RawClaim } from "./abi.js";

export type Change = (claim: RawClaim) => RawClaim | undefined;

const withOpenings = (claim: RawClaim, openings: RawClaim["openings"]): RawClaim => ({ ...claim, openings });
export const withHeader = (
  claim: RawClaim,
  at: number,
  change: (header: TensorHeader) => Partial<TensorHeader>,
): RawClaim => ({
  ...claim,
  headers: claim.headers.map((header, i) => (i === at ? { ...header, ...change(header) } : header)),
});
export const withNode = (claim: RawClaim, change: Partial<RawClaim["node"]>): RawClaim => ({
  ...claim,
  node: { ...claim.node, ...change },
});
const eachOpening = (
  change: (opening: RawClaim["openings"][number]) => Partial<RawClaim["openings"][number]>,
): Change[] =>
  [0, 1, 2].map((at) => (claim) => {
    if (at >= claim.openings.length) return undefined;
    return withOpenings(
      claim,
      claim.openings.map((opening, i) => (i === at ? { ...opening, ...change(opening) } : opening)),
    );
  });

/** What no verifier judges, whatever its operator. */
export const ALWAYS: Readonly<Record<string, readonly Change[]>> = {
  "a missing opening": [
    (claim) => withOpenings(claim, claim.openings.slice(0, -1)),
    (claim) => withOpenings(claim, claim.openings.slice(1)),
    (claim) => withOpenings(claim, []),
  ],
  "a surplus opening": [
    (claim) => withOpenings(claim, [...claim.openings, ...claim.openings.slice(-1)]),
    (claim) => withOpenings(claim, [...claim.openings.slice(0, 1), ...claim.openings]),
  ],
  "openings in another order": [
    (claim) => (claim.openings.length > 1 ? withOpenings(claim, claim.openings.toReversed()) : undefined),
  ],
  "another leaf": eachOpening(({ leaf }) => ({ leaf: leaf + 1 })),
  "a leaf of another operand": eachOpening(({ operand }) => ({ operand: operand + 1 })),
  "a leaf that is too short": eachOpening(() => ({ data: new Uint8Array(0) })),
  "an element that is not there": [(claim) => ({ ...claim, element: 2 ** 40 })],
  "an operator of another family": [(claim) => withNode(claim, { operator: claim.node.operator ^ 0x0100 })],
  "an operator that does not exist": [(claim) => withNode(claim, { operator: claim.node.operator | 0xff })],
  "attributes that are too long": [
    (claim) => withNode(claim, { attributes: `${claim.node.attributes}${"00".repeat(32)}` }),
  ],
  "attributes that are too short": [
    (claim) =>
      claim.node.attributes === "0x"
        ? undefined
        : withNode(claim, { attributes: `0x${claim.node.attributes.slice(66)}` }),
  ],
  "a header too few": [(claim) => ({ ...claim, headers: claim.headers.slice(1) })],
  "a header too many": [(claim) => ({ ...claim, headers: [...claim.headers, ...claim.headers.slice(-1)] })],
  "an operand too few": [
    (claim) => ({
      ...withNode(claim, { operands: claim.node.operands.slice(1) }),
      headers: claim.headers.slice(1),
    }),
  ],
  "an absent operand": [
    (claim) => {
      const operands = claim.node.operands.map((operand, i) =>
        i === 0 ? { ...operand, source: 0 as const } : operand,
      );
      return claim.openings.some(({ operand }) => operand === 0) ? withNode(claim, { operands }) : undefined;
    },
  ],
  "a type that does not exist": [
    (claim) => withHeader(claim, 0, () => ({ dtype: 8 })),
    (claim) => withHeader(claim, claim.headers.length - 1, () => ({ dtype: 0 })),
  ],
  "a type that the operator does not have": [
    (claim) => withHeader(claim, 0, ({ dtype }) => ({ dtype: dtype === 10 ? 11 : 10 })),
  ],
  "a rank above eight": [(claim) => withHeader(claim, claim.headers.length - 1, () => ({ rank: 9 }))],
  "a number that its type does not hold": [
    (claim) => withHeader(claim, claim.headers.length - 1, ({ dims }) => ({ dims: dims.with(7, 2 ** 32) })),
  ],
};

/**
 * Shapes that do not go together. The dims of a VIEW's x, of broadcast operands and of what is reduced need not fit:
 * strides and lengths say it all.
 */
export const SHAPES: readonly Change[] = [
  (claim) => withHeader(claim, 0, ({ rank, dims }) => ({ rank: rank + 2, dims: dims.with(rank, 1).with(rank + 1, 1) })),
  (claim) => {
    const { rank, dims } = claim.headers.at(-1) as TensorHeader;
    return withHeader(claim, claim.headers.length - 1, () => ({
      rank: rank + 2,
      dims: dims.with(rank, 1).with(rank + 1, 1),
    }));
  },
];

export function describeClaim({ node, headers, element, openings }: RawClaim): string {
  const shapes = headers.map(({ dtype, rank, dims, layout }) => `${dtype}[${dims.slice(0, rank).join()}]@${layout}`);
  const opened = openings.map(({ operand, leaf, data }) => `${operand}:${leaf}(${data.length})`);
  return `0x${node.operator.toString(16)} ${shapes.join(" ")} element ${element} openings ${opened.join(" ")} ${node.attributes}`;
}
