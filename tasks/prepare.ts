import { task } from "hardhat/config";
import type { NewTaskDefinition } from "hardhat/types/tasks";

import { lazy, optional } from "./support/define.js";

const actions = () => import("./actions/prepare.js");

export const prepareTasks: NewTaskDefinition[] = [
  task("model:prepare", "makes of an ONNX file one that is judged by proof, with its graph and golden vectors")
    .addOption(optional("file", "the .onnx file"))
    .addOption(optional("out", "folder for model.onnx, manifest.json and golden.safetensors"))
    .addOption(optional("dim", "lengths of symbolic dimensions, such as N=1; commas between them"))
    .addFlag({ name: "stripSoftmax", description: "end the model before its final Softmax" })
    .addFlag({ name: "argMaxOfLogits", description: "let an ArgMax of that Softmax read its operand instead" })
    .addFlag({
      name: "tolerance",
      description:
        "judge sums of floats within what rounding explains, in any order: for GPUs; lets close decisions be turned",
    })
    .addOption({
      name: "runtime",
      defaultValue: "native",
      description:
        "native: kernels of the processor; wasm: those of WebAssembly, several times slower, the same bits everywhere",
    })
    .addOption({ name: "golden", defaultValue: "4", description: "number of golden vectors, 1 to 32" })
    .addFlag({ name: "json", description: "print one line of JSON" })
    .setAction(lazy(actions, "prepare"))
    .build(),
];
