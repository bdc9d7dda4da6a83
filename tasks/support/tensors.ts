import type { BundleFile, Tensor } from "@assay/sdk";
import { packBundle, parseSafetensors, TensorError, toTypedArray } from "@assay/sdk";

import { UserError } from "./errors.js";
import { readBytes } from "./files.js";
import type { Fields } from "./report.js";
import { Shown } from "./report.js";
import { parseSignature, requireFit } from "./signature.js";

/** Values of a tensor that people are shown. */
const SHOWN_VALUES = 10;

/** The tensors of a safetensors file. */
export function readTensors(option: string, file: string): ReadonlyMap<string, Tensor> {
  const bytes = readBytes(option, file);
  try {
    return parseSafetensors(bytes).tensors;
  } catch (error) {
    if (!(error instanceof TensorError)) throw error;
    throw new UserError(`${option} is ${JSON.stringify(file)}, which is no safetensors file: ${error.message}`);
  }
}

/** The inputs of a model, from a safetensors file that must hold exactly these. */
export function readInputs(option: string, file: string, signature: string): BundleFile {
  const tensors = readTensors(option, file);
  const ports = parseSignature("the model's input signature", signature);
  for (const port of ports) {
    const tensor = tensors.get(port.name);
    if (!tensor) throw new UserError(`${option} is ${JSON.stringify(file)}: it has no tensor ${port.name}`);
    requireFit(port, tensor);
  }
  return packBundle(
    tensors,
    ports.map(({ name }) => name),
  );
}

/** What tensors hold: all values for machines, the first ones for people. */
export function describeTensors(tensors: ReadonlyMap<string, Tensor>): Fields[] {
  return [...tensors].map(([name, tensor]) => {
    const values = Array.from(toTypedArray(tensor) as Iterable<number | bigint>, plainScalar);
    const first = values.slice(0, SHOWN_VALUES).join(", ");
    const shown = values.length > SHOWN_VALUES ? `${first}, … (${values.length} values)` : first;
    return {
      name,
      dtype: tensor.dtype,
      dims: new Shown(`[${tensor.dims.join(",")}]`, tensor.dims),
      values: new Shown(shown, values),
    };
  });
}

/** JSON has no NaN, no infinities and no integers beyond 2^53: those are strings. */
export function plainScalar(value: number | bigint): number | string {
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}

/** A number that stands beside another: a zero of the wrong sign convicts, so -0 and 0 must not look alike. */
export function exactScalar(value: number | bigint): Shown {
  const isMinusZero = Object.is(value, -0);
  return new Shown(isMinusZero ? "-0" : String(value), isMinusZero ? "-0" : plainScalar(value));
}
