import { Refusal } from "../problems.js";

/** EIP-7825, less what a court does besides reading and adding. */
const TRANSACTION_GAS = 2 ** 24 - 500_000;
/** For each byte of calldata, and the least for all of it (EIP-7623). */
const [BYTE_GAS, FLOOR_GAS] = [16, 40];
/** Of an opening besides its leaf: fields and proof, and to check them. */
const [OPENING_BYTES, OPENING_GAS] = [760, 13_000];

/** Gas of a term at its worst: numbers that are subnormal or infinite cost most. */
export const TERM_GAS = { fused: 1_700, separate: 2_200, read: 3_000, exact: 700 } as const;

/** What a claim about one element reads. */
export interface Work {
  readonly terms: number;
  readonly openings: number;
  /** Of the leaves that are opened. */
  readonly bytes: number;
}

/** Whether one transaction can judge it, whatever the numbers are. */
export function fits({ terms, openings, bytes }: Work, termGas: number): boolean {
  const calldata = bytes + OPENING_BYTES * openings;
  const execution = termGas * terms + OPENING_GAS * openings;
  return Math.max(execution + BYTE_GAS * calldata, FLOOR_GAS * calldata) <= TRANSACTION_GAS;
}

export function tooLarge({ terms, openings }: Work): Refusal {
  return new Refusal(
    `an element of it is a sum of ${terms} terms out of ${openings} leaves, more than one transaction can judge`,
    "Split it into sums that are added up",
  );
}
