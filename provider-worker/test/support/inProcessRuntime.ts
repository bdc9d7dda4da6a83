/** onnxruntime in this process: fast, for models that tests make themselves. */
export { localRuntime as inProcess } from "../../src/court/localRuntime.js";
