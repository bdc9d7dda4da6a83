import { task } from "hardhat/config";

import { json, lazy, marketTask, model, optional, text } from "./support/define.js";

const actions = () => import("./actions/model.js");

export const modelTasks = [
  marketTask("model:register", "registers an ONNX model and prints its id")
    .addPositionalArgument(text("file", "the .onnx file: its sha-256 is registered"))
    .addOption(
      optional("manifest", "manifest.json of model:prepare: graph, profile, inputs and outputs, checked first"),
    )
    .addOption(optional("golden", "safetensors file with golden vectors: its sha-256 is registered"))
    .addOption(optional("input", "inputs in order, such as x:float32[1,64]; semicolons between them"))
    .addOption(optional("output", "outputs in order, in the same form"))
    .addOption(
      optional(
        "profile",
        "Exact, Canonical, Tolerance or Jury; by default what the manifest says, else Jury; model:show says who judges",
      ),
    )
    .addOption({ name: "royalty", defaultValue: "0", description: "your share of each job's price, in percent" })
    .addOption(optional("workUnits", "multiply-accumulates of one inference"))
    .addOption({ name: "parent", defaultValue: "0", description: "id of the model that this one replaces" })
    .addOption(optional("licence", "SPDX identifier or URI"))
    .addOption(optional("modelUri", "where workers fetch the file"))
    .addOption(optional("goldenUri", "where workers fetch the golden vectors"))
    .setAction(lazy(actions, "register"))
    .build(),
  task("model:golden", "runs an ONNX model on this machine and writes golden vectors for model:register")
    .addPositionalArgument(text("file", "the .onnx file"))
    .addOption(optional("input", "safetensors files with inputs, one a vector, commas between them"))
    .addOption(optional("save", "file to write"))
    .addFlag(json)
    .setAction(lazy(() => import("./actions/golden.js"), "golden"))
    .build(),
  marketTask("model:list", "lists all models").setAction(lazy(actions, "list")).build(),
  marketTask("model:show", "shows all that is stated about a model")
    .addPositionalArgument(model)
    .setAction(lazy(actions, "show"))
    .build(),
  marketTask("model:deprecate", "closes your model for new jobs, for good")
    .addPositionalArgument(model)
    .setAction(lazy(actions, "deprecate"))
    .build(),
  marketTask("model:uris", "names new places for the same bytes; what is not given stays")
    .addPositionalArgument(model)
    .addOption(optional("modelUri", "where workers fetch the file"))
    .addOption(optional("goldenUri", "where workers fetch the golden vectors"))
    .setAction(lazy(actions, "setUris"))
    .build(),
];
