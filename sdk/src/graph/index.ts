export type { Assembly, TraceTensor } from "./assemble.js";
export * from "./encode.js";
export {
  contradicts,
  elementOf,
  elementsOf,
  evaluate,
  type Elements,
  type Scalar,
  type Shape,
  type Values,
} from "./evaluate.js";
export { expose } from "./expose.js";
export type { FrozenDims } from "./freeze.js";
export { decodeInstruction, encodeInstruction, type Instruction, type OperatorName } from "./instruction.js";
export * from "./manifest.js";
export { PreparationError, type Problem } from "./problems.js";
export * from "./prepare.js";
export * from "./profile.js";
export * from "./runtime.js";
export { sampleInputs } from "./sample.js";
export * from "./trace.js";
export * from "./types.js";
