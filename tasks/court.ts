import { task } from "hardhat/config";
import type { NewTaskDefinition } from "hardhat/types/tasks";

import { dispute, fromBlock, json, lazy, marketTask, optional } from "./support/define.js";

const actions = () => import("./actions/court.js");
const file = optional("file", "the registered .onnx file");
const input = optional("input", "safetensors file with the job's input: the model is run on it");
const trace = optional("trace", "safetensors file with a run, as court:run saves it, instead of running the model");

export const courtTasks: NewTaskDefinition[] = [
  task("court:run", "runs a model on this machine and saves every tensor of the run")
    .addOption(file)
    .addOption(optional("input", "safetensors file with the input"))
    .addOption(optional("save", "safetensors file to write"))
    .addFlag({ name: "tolerance", description: "the model is of profile Tolerance" })
    .addFlag(json)
    .setAction(lazy(actions, "run"))
    .build(),
  marketTask("court:trace", "posts the roots of your run in a case against you")
    .addPositionalArgument(dispute)
    .addOption(file)
    .addOption(input)
    .addOption(trace)
    .addOption(fromBlock)
    .setAction(lazy(actions, "postTrace"))
    .build(),
  marketTask(
    "court:demand",
    "makes the provider show a part of a tensor; the fee comes out of your stake tokens in escrow",
  )
    .addPositionalArgument(dispute)
    .addOption(file)
    .addOption(optional("tensor", "number of the tensor in the trace"))
    .addOption({ name: "level", defaultValue: "0", description: "0 for a leaf, above for up to 256 hashes" })
    .addOption({ name: "index", defaultValue: "0", description: "which node of that level" })
    .addOption(fromBlock)
    .setAction(lazy(actions, "demand"))
    .build(),
  marketTask("court:answer", "answers all open demands of a case; anyone who has the provider's run may")
    .addPositionalArgument(dispute)
    .addOption(file)
    .addOption(input)
    .addOption(trace)
    .addOption(fromBlock)
    .setAction(lazy(actions, "answer"))
    .build(),
  marketTask("court:prove", "convicts by an element that contradicts its operands, found by your own run; anyone may")
    .addPositionalArgument(dispute)
    .addOption(file)
    .addOption(input)
    .addOption(trace)
    .addFlag({ name: "demand", description: "demand the part that is still missing" })
    .addOption(fromBlock)
    .setAction(lazy(actions, "prove"))
    .build(),
  marketTask("court:silence", "convicts by a demand that was not answered in time; anyone may")
    .addPositionalArgument(dispute)
    .addOption(fromBlock)
    .setAction(lazy(actions, "silence"))
    .build(),
  marketTask("court:collect", "sends fees of a resolved case to whom they belong; anyone may")
    .addPositionalArgument(dispute)
    .addOption(fromBlock)
    .setAction(lazy(actions, "collect"))
    .build(),
];
