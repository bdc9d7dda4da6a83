export * from "./external.js";
export * from "./model.js";
export * from "./tensor.js";
