export * from "./external.js";
export * from "./model.js";
export { findRandomOperator } from "./random.js";
export * from "./tensor.js";
