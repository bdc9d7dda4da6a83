import { AssayError } from "../errors.js";
import { locateElement, type TensorHeader } from "../tensor/commitment.js";
import type { LeafOfOperand } from "./types.js";

/** The leaves that a verifier reads, in order; reads that follow one another in the same leaf count once. */
export class Leaves {
  readonly list: LeafOfOperand[] = [];
  readonly #headers: readonly TensorHeader[];

  /** `headers` of each operand, then of the output. */
  constructor(headers: readonly TensorHeader[]) {
    this.#headers = headers;
  }

  header(operand: number): TensorHeader {
    const header = this.#headers[operand];
    if (!header) throw new AssayError(`the claim has no header ${operand}`);
    return header;
  }

  dims(operand: number): readonly number[] {
    const { dims, rank } = this.header(operand);
    return dims.slice(0, rank);
  }

  addElement(operand: number, element: number): void {
    this.add(operand, locateElement(this.header(operand), element).leafIndex);
  }

  add(operand: number, leaf: number): void {
    const last = this.list.at(-1);
    if (last?.operand !== operand || last.leaf !== leaf) this.list.push({ operand, leaf });
  }
}
