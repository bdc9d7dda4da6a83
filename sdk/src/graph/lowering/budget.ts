import { Refusal } from "../problems.js";

/** EIP-7825, less what a court does besides reading and adding. */
const TRANSACTION_GAS = 2 ** 24 - 500_000;
/** For each byte of calldata, and the least for all of it (EIP-7623). */
const [BYTE_GAS, FLOOR_GAS] = [16, 40];
/** Of an opening besides its leaf: fields and proof, and to check them. */
const [OPENING_BYTES, OPENING_GAS] = [760, 13_000];

/** Gas of a term at its worst: numbers that are subnormal or infinite cost most. */
export const TERM_GAS = {
  fused: 1_700,
  separate: 2_200,
  read: 3_000,
  exact: 700,
  exactRead: 2_400,
  integer: 20,
} as const;

/** Transactions that a sum may take: each has to be mined before the next, within a court's claim period. */
export const MAX_PARTS = 8;

/** What a claim about one element reads. */
export interface Work {
  readonly terms: number;
  readonly openings: number;
  /** Of the leaves that are opened. */
  readonly bytes: number;
}

/** Of a work that is done in parts, the openings and bytes that each part needs. */
export type Shared = Omit<Work, "terms">;

/** In how many transactions a sum of elements that are read on their own may be judged, and whether they suffice. */
export interface Capacity {
  readonly transactions: number;
  readonly holds: (work: Work) => boolean;
}

/** Whether one transaction can judge it, whatever the numbers are. */
export function fits({ terms, openings, bytes }: Work, termGas: number): boolean {
  const calldata = bytes + OPENING_BYTES * openings;
  const execution = termGas * terms + OPENING_GAS * openings;
  return Math.max(execution + BYTE_GAS * calldata, FLOOR_GAS * calldata) <= TRANSACTION_GAS;
}

/** Whether `MAX_PARTS` transactions can. */
export function fitsInParts(work: Work, termGas: number, shared: Shared): boolean {
  const each = (whole: number, common: number) => common + Math.ceil((whole - common) / MAX_PARTS);
  const part = {
    terms: each(work.terms, 0),
    openings: each(work.openings, shared.openings),
    bytes: each(work.bytes, shared.bytes),
  };
  return fits(part, termGas);
}

/** `transactions`: that would have been allowed. */
export function tooLarge({ terms, openings }: Pick<Work, "terms" | "openings">, transactions: number): Refusal {
  const most = transactions === 1 ? "one transaction" : `${transactions} transactions`;
  return new Refusal(
    `an element of it is a sum of ${terms} terms out of ${openings} leaves, more than ${most} can judge`,
    "Split it into sums that are added up",
  );
}
