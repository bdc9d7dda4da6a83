import { DTYPE_NAMES, dtypeSize, elementCount, makeTensor, type Tensor } from "../../src/tensor/index.js";

/** Seeded, so that a failure repeats. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** mulberry32 */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** 0..limit-1 */
  below(limit: number): number {
    return this.next() % limit;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.next() & 0xff);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  tensor(maxBytes = 8192): Tensor {
    const dtype = this.pick(DTYPE_NAMES);
    const size = dtypeSize(dtype);
    const dims: number[] = [];
    for (let rank = this.below(9); dims.length < rank;) {
      const room = Math.floor(maxBytes / size / Math.max(1, elementCount(dims)));
      dims.push(this.below(20) === 0 ? 0 : 1 + this.below(Math.max(1, Math.min(room, this.pick([2, 5, 3000])))));
    }
    const data = this.bytes(elementCount(dims) * size);
    return makeTensor(dtype, dims, dtype === "bool" ? data.map((byte) => byte & 1) : data);
  }
}
