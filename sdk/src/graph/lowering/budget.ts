import { Refusal } from "../problems.js";

/** EIP-7825, less what a court does besides reading and adding. */
const TRANSACTION_GAS = 2 ** 24 - 500_000;
/** For each byte of calldata, and the least for all of it (EIP-7623). */
const [BYTE_GAS, FLOOR_GAS] = [16, 40];
/** Of an opening besides its leaf: fields, a hash of its proof, and what it costs to check them. */
const [FIELD_BYTES, HASH_BYTES, OPENING_GAS] = [224, 32, 13_000];
/** As long as proofs are taken to be before a tensor has leaves. */
const USUAL_PROOF = 16;

/** go-ethereum, and what is built on it, passes on no transaction that is longer. */
export const MOST_BYTES = 128 * 1024;
/** Of a claim besides its openings and operands: node, output, sum so far, signature. */
const FRAME_BYTES = 4096;
/** Of an operand besides its openings: its place in the node, its header, its root's proof in a trace of 4,096 tensors. */
const OPERAND_BYTES = 1000;
/** Of the trace that is posted: a root for each tensor; and what comes with it. */
const [ROOT_BYTES, PORT_BYTES] = [32, 544];

/** Of a window, to find one of its rows, and more for each axis but the last; to list a place that is no term. */
const [ROW_GAS, AXIS_GAS, PLACE_GAS] = [650, 950, 220];
/** Lists of a place in the memory of a verifier: in the image, in the kernel, its number. */
const PLACE_WORDS = 3;

/**
 * Gas of a term at its worst: numbers that are subnormal or infinite cost most. A place of a kernel costs `exactPlace`,
 * however few products it has: one outside of the image has no opening that would pay for them.
 */
export const TERM_GAS = {
  fused: 1_700,
  separate: 2_400,
  alone: 3_400,
  read: 3_500,
  exact: 700,
  exactRead: 2_200,
  exactPlace: 2_200,
  integer: 20,
  compared: 2_100,
  function: 1_000,
} as const;

/** Transactions that a sum may take: each has to be mined before the next, within a court's claim period. */
export const MAX_PARTS = 8;

/** The places of a kernel that a verifier lists, inside of the image or not (`Windows.sol`). */
export interface Listed {
  readonly kernel: readonly number[];
  readonly places: number;
}

/** What a claim about one element reads. */
export interface Work {
  readonly terms: number;
  readonly openings: number;
  /** Of the openings, in calldata. */
  readonly bytes: number;
  readonly listed?: Listed | undefined;
}

/** Of a work that is done in parts, the openings and bytes that each part needs, and the places that each lists. */
export type Shared = Omit<Work, "terms">;

/** In how many transactions a sum of elements that are read on their own may be judged, and whether they suffice. */
export interface Capacity {
  readonly transactions: number;
  readonly holds: (work: Work) => boolean;
}

/** The bytes of so many openings, given those of their leaves. */
export function opened(openings: number, leafBytes: number, proof = USUAL_PROOF): number {
  return leafBytes + (FIELD_BYTES + HASH_BYTES * proof) * openings;
}

/** Whether one transaction has the gas to judge it, whatever the numbers are. */
export function fits({ terms, openings, bytes, listed }: Work, termGas: number): boolean {
  const listing = listed ? gasOfPlaces(listed, terms, termGas) : 0;
  const execution = termGas * terms + OPENING_GAS * openings + listing;
  return Math.max(execution + BYTE_GAS * bytes, FLOOR_GAS * bytes) <= TRANSACTION_GAS;
}

/** What it costs to find the places of a window. Terms that cost enough have the listing of their places in it. */
function gasOfPlaces({ kernel, places }: Listed, terms: number, termGas: number): number {
  // Parts may begin and end within a row.
  const rows = Math.ceil(places / (kernel.at(-1) ?? 1)) + 1;
  const others = termGas < PLACE_GAS ? places : Math.max(0, places - terms);
  // Of memory the square: what it costs by the word is in the gas of a term.
  const memory = (PLACE_WORDS * places) ** 2 / 512;
  return rows * (ROW_GAS + AXIS_GAS * (kernel.length - 1)) + PLACE_GAS * others + memory;
}

/** Whether a claim about a node with so many operands is short enough to be passed on. */
export function isSendable({ bytes }: Pick<Work, "bytes">, operands: number): boolean {
  return FRAME_BYTES + OPERAND_BYTES * operands + bytes <= MOST_BYTES;
}

/** The largest of `MAX_PARTS` parts of a work, of which each takes so many of its steps and opens what is shared. */
export function largestPart(work: Work, shared: Shared, steps: number): Work {
  const share = Math.ceil(steps / MAX_PARTS) / steps;
  const [leaves, bytes] = [work.openings - shared.openings, work.bytes - shared.bytes];
  // Two parts may read of the same leaf.
  const openings = leaves === 0 ? 0 : Math.min(leaves, Math.ceil(leaves * share) + (leaves < steps ? 1 : 0));
  return {
    terms: Math.ceil(work.terms * share),
    openings: shared.openings + openings,
    bytes: shared.bytes + (leaves === 0 ? 0 : Math.ceil((bytes / leaves) * openings)),
    listed: shared.listed ?? (work.listed && { ...work.listed, places: Math.ceil(work.listed.places * share) }),
  };
}

/** Whether `MAX_PARTS` transactions have the gas. */
export function fitsInParts(work: Work, termGas: number, shared: Shared, steps: number): boolean {
  return fits(largestPart(work, shared, steps), termGas);
}

/** Whether one transaction can post the roots of so many tensors, for a model with so many inputs and outputs. */
export function isPostable(tensors: number, ports: number): boolean {
  return FRAME_BYTES + ROOT_BYTES * tensors + PORT_BYTES * ports <= MOST_BYTES;
}

/** `transactions`: that would have been allowed. */
export function tooLarge({ terms, openings }: Pick<Work, "terms" | "openings">, transactions: number): Refusal {
  return new Refusal(
    `an element of it takes ${terms} terms out of ${openings} leaves, more than ${counted(transactions)} can judge`,
    "Split it into parts that are put together",
  );
}

/** The same, of what would have to be sent. */
export function tooLong(
  { openings, bytes }: Pick<Work, "openings" | "bytes">,
  operands: number,
  transactions: number,
): Refusal {
  const ofOperands = OPERAND_BYTES * operands;
  return new Refusal(
    `an element of it is read out of ${openings} leaves, ${bytes} bytes with their proofs, and ${operands} operands, ` +
      `${ofOperands} bytes with their headers, more than ${counted(transactions)} of ${MOST_BYTES} bytes can carry`,
    ofOperands > bytes ? "Give it fewer operands" : "Split what it reads",
  );
}

const counted = (transactions: number): string =>
  transactions === 1 ? "one transaction" : `${transactions} transactions`;
