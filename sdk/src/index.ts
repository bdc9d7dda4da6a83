export * from "./client.js";
export * from "./contracts.js";
export * from "./deployment.js";
export * from "./errors.js";
export * from "./terms.js";
export * from "./transport.js";
export * from "./tensor/index.js";
