import { dataLength } from "ethers";

/** Of the 131,072 bytes that go-ethereum passes on: the rest is for the transaction around the calls. */
const MOST_BYTES = 128_000;
/** Of the 2^24 that a transaction may have (EIP-7825): the rest is for who adds a third to be sure. */
const MOST_GAS = 12_000_000;
/** Offset, length and padding of a call among others. */
const BYTES_AROUND = 96;
/** No answer takes more than this and so much a byte (`DefenceGas`), and no payment. */
const CALL_GAS = 84_000;
const BYTE_GAS = 41;

/** Cuts answers to demands, or payments, in their order, into batches that one `multicall` of the proof court carries. */
export function courtBatches<T extends { readonly data: string }>(calls: readonly T[]): T[][] {
  const batches: T[][] = [];
  let [bytes, gas] = [Infinity, Infinity];
  for (const call of calls) {
    const length = dataLength(call.data);
    bytes += length + BYTES_AROUND;
    gas += CALL_GAS + length * BYTE_GAS;
    if (bytes > MOST_BYTES || gas > MOST_GAS) {
      batches.push([]);
      [bytes, gas] = [length + BYTES_AROUND, CALL_GAS + length * BYTE_GAS];
    }
    batches.at(-1)?.push(call);
  }
  return batches;
}
