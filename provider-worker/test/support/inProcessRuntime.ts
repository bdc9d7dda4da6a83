import type { GraphRuntime, RuntimeName } from "@assay/sdk";
import { withRuntime } from "@assay/sdk";

import { decodeModel, encodeModel } from "../../../sdk/src/onnx/index.js";
import { localRuntime } from "../../src/court/localRuntime.js";

/** onnxruntime in this process: fast, for models that tests make themselves. */
export const inProcess: GraphRuntime = localRuntime;

/** The same for somebody who runs every file by this runtime, whatever it names. */
export const inProcessBy = (runtime: RuntimeName): GraphRuntime => ({
  ...localRuntime,
  load: (model) => localRuntime.load(encodeModel(withRuntime(decodeModel(model), runtime))),
});
