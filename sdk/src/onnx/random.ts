import type { Look } from "./walk.js";
import { findMessage, WIRE } from "./walk.js";

/** Operators of the standard whose result is random, whatever their attributes say. */
export const RANDOM_OPERATORS: readonly string[] = [
  "RandomNormal",
  "RandomNormalLike",
  "RandomUniform",
  "RandomUniformLike",
  "Bernoulli",
  "Multinomial",
];

/** Those, and what onnxruntime adds. */
const RANDOM = new Set([...RANDOM_OPERATORS, "Sampling"]);
/** Random once their input `training_mode` says so. */
const DROPOUTS = new Set(["Dropout", "BiasDropout", "BitmaskDropout", "BitmaskBiasDropout"]);

const NODE = { input: 1, opType: 4 } as const;
/** Which input that is, where it is not the third. */
const TRAINING_MODE: Readonly<Record<string, number>> = { BiasDropout: 4, BitmaskBiasDropout: 4 };

/**
 * The first operator of an ONNX file whose result is random, undefined if there is none: in the graph, in branches and
 * bodies, in functions, used or not, and of any domain. A seed changes nothing: what is drawn depends on the runtime and
 * on what a process ran before. A dropout that is told by an input whether it trains counts. Throws `AssayError` if the
 * bytes are no ONNX file.
 */
export function findRandomOperator(bytes: Uint8Array): string | undefined {
  return findMessage(bytes, "Node", randomOperator);
}

const randomOperator: Look = (reader, end) => {
  const operators: string[] = [];
  const inputs: string[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    const [field, wire] = [tag >>> 3, tag & 7];
    if (field === NODE.opType && wire === WIRE.bytes) operators.push(reader.string());
    else if (field === NODE.input && wire === WIRE.bytes) inputs.push(reader.string());
    else reader.skipType(wire);
  }
  return operators.find(
    (name) => RANDOM.has(name) || (DROPOUTS.has(name) && Boolean(inputs[TRAINING_MODE[name] ?? 2])),
  );
};
