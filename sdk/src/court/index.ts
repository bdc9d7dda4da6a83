export * from "./claim.js";
export * from "./reading.js";
export * from "./types.js";
export * from "./accusation.js";
export * from "./evidence.js";
export * from "./explain.js";
export * from "./part.js";
export * from "./search.js";
