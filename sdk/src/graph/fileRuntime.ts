import { AssayError } from "../errors.js";
import type { OnnxModel } from "../onnx/model.js";
import { findMessage, WIRE, type Look } from "../onnx/walk.js";

/**
 * Whose kernels compute a model: those of the processor, which may add in an order of their own, or those of
 * WebAssembly, which give the same bits on every processor.
 */
export const RUNTIMES = ["native", "wasm"] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

/** Key of the ONNX file's metadata that names its runtime. */
const RUNTIME_KEY = "assay.runtime";
const ENTRY = { key: 1, value: 2 } as const;

/**
 * The runtime that an ONNX file names: `native` if it names none. Whoever runs a registered file asks the file, so that
 * nobody runs it by another one. Throws `AssayError` if it names several, or one that is unknown.
 */
export function runtimeOf(file: Uint8Array): RuntimeName {
  const named: string[] = [];
  const look: Look = (reader, end) => {
    let [key, value] = ["", ""];
    while (reader.pos < end) {
      const tag = reader.uint32();
      const [field, wire] = [tag >>> 3, tag & 7];
      if (field === ENTRY.key && wire === WIRE.bytes) key = reader.string();
      else if (field === ENTRY.value && wire === WIRE.bytes) value = reader.string();
      else reader.skipType(wire);
    }
    if (key === RUNTIME_KEY) named.push(value);
    return undefined;
  };
  findMessage(file, "Entry", look);
  const [first = "native", ...more] = named;
  const runtime = RUNTIMES.find((name) => name === first);
  if (runtime && more.length === 0) return runtime;
  throw new AssayError(`the model names ${JSON.stringify(named)} as its runtime: known are ${RUNTIMES.join(" and ")}`);
}

/** The same model, which names this runtime and no other. */
export function withRuntime(model: OnnxModel, runtime: RuntimeName): OnnxModel {
  const others = (model.metadataProps ?? []).filter(({ key }) => key !== RUNTIME_KEY);
  const own = runtime === "native" ? [] : [{ key: RUNTIME_KEY, value: runtime }];
  return { ...model, metadataProps: [...others, ...own] };
}
