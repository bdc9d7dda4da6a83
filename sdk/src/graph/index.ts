export * from "./encode.js";
export * from "./types.js";
