import type { DType, Port as GraphPort, Tensor } from "@assay/sdk";
import { dtypeFromOnnx, isDType } from "@assay/sdk";

import { UserError } from "./errors.js";

/** One input or output that a model states, such as `x:float32[1,64]`; a dimension that varies is undefined. */
export interface Port {
  name: string;
  dtype: DType;
  dims: (number | undefined)[];
}

const PORT = /^(?<name>[^:;]+):(?<dtype>\w+)\[(?<dims>[^\]]*)\]$/;

/** Parses `x:float32[1,64];mask:bool[1,64]`. A dimension that is no number may be anything. */
export function parseSignature(label: string, text: string): Port[] {
  return text.split(";").map((part) => {
    const { name, dtype, dims } = PORT.exec(part.trim())?.groups ?? {};
    if (!name || !dtype || dims === undefined || !isDType(dtype)) {
      throw new UserError(`${label} has ${JSON.stringify(part)}: give name:dtype[dims], such as x:float32[1,64]`);
    }
    const sizes = dims.trim() === "" ? [] : dims.split(",");
    return { name, dtype, dims: sizes.map((size) => (/^\s*\d+\s*$/.test(size) ? Number(size) : undefined)) };
  });
}

/** Throws unless a tensor is what a port takes. */
export function requireFit({ name, dtype, dims }: Port, tensor: Tensor): void {
  const fits =
    tensor.dims.length === dims.length && dims.every((dim, i) => dim === undefined || dim === tensor.dims[i]);
  if (tensor.dtype === dtype && fits) return;
  const wanted = dims.map((dim) => dim ?? "?").join(",");
  throw new UserError(`${name} is ${tensor.dtype}[${tensor.dims.join(",")}]: the model takes ${dtype}[${wanted}]`);
}

/** The signature that a graph's inputs or outputs have. */
export function signatureOf(names: readonly string[], ports: readonly GraphPort[]): string {
  return ports
    .map(({ meta }, i) => `${names[i] ?? ""}:${dtypeFromOnnx(meta.dtype)}[${meta.dims.slice(0, meta.rank).join(",")}]`)
    .join(";");
}
