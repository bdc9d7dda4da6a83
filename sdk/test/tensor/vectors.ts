import { readFileSync } from "node:fs";
import { fromHex, makeTensor, type DType, type Tensor, type TensorHeader } from "../../src/tensor/index.js";

export interface TensorVector {
  readonly name: string;
  readonly dtype: DType;
  readonly dims: readonly number[];
  readonly data?: string;
  readonly ramp?: number;
  readonly canonical?: string;
  readonly header: TensorHeader;
  readonly root: string;
}

export interface Vectors {
  readonly constants: { readonly TENSOR_V1: string; readonly BUNDLE_V1: string; readonly LEAF_BYTES: number };
  readonly tensors: readonly TensorVector[];
  readonly proofs: readonly { readonly tensor: string; readonly index: number; readonly proof: readonly string[] }[];
  readonly bundles: readonly {
    readonly entries: readonly { readonly name: string; readonly tensor: string }[];
    readonly root: string;
  }[];
}

const FILE = new URL("../../../test/vectors/tensor-commitments.json", import.meta.url);

export const vectors = JSON.parse(readFileSync(FILE, "utf8")) as Vectors;

export function vectorTensor({ dtype, dims, data, ramp }: TensorVector): Tensor {
  const bytes = data === undefined ? Uint8Array.from({ length: ramp as number }, (_, i) => i % 251) : fromHex(data);
  return makeTensor(dtype, dims, bytes);
}

export function vectorNamed(name: string): TensorVector {
  const found = vectors.tensors.find((vector) => vector.name === name);
  if (found === undefined) throw new Error(`no vector named ${name}`);
  return found;
}
