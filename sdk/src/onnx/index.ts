export * from "./model.js";
export * from "./tensor.js";
