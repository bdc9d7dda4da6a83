export * from "./claim.js";
export * from "./reading.js";
export * from "./types.js";
