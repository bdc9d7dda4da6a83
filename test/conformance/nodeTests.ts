import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";

import type { OnnxModel, Tensor } from "@assay/sdk";
import { decodeModel, decodeTensor, tensorFromOnnx } from "@assay/sdk";

/** The ONNX project's tests as Debian packs them: each a model with inputs and the outputs that are expected. */
export const FOLDER = process.env.ONNX_TESTDATA ?? "/usr/share/libonnx-testdata/data";
export const SKIPPED = "skipped: libonnx-testdata is not installed (apt install libonnx-testdata)";

const GROUPS = ["node", "simple", "pytorch-converted", "pytorch-operator"];
/** What tests of functions are called whose one node is spelled out in simpler ones. */
const EXPANDED = "(expanded functions)";
const SEVERAL = "(several operators)";

export interface NodeTest {
  /** Group and name, such as `node/test_add`. */
  readonly name: string;
  readonly folder: string;
}

/** What a test runs on, and what it expects. */
export interface DataSet {
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
}

export const isInstalled = (): boolean => GROUPS.some((group) => existsSync(path.join(FOLDER, group)));

export function nodeTests(): NodeTest[] {
  return GROUPS.filter((group) => existsSync(path.join(FOLDER, group))).flatMap((group) =>
    readdirSync(path.join(FOLDER, group))
      .sort()
      .map((test) => ({ name: `${group}/${test}`, folder: path.join(FOLDER, group, test) })),
  );
}

export function modelOf({ folder }: NodeTest): OnnxModel {
  return decodeModel(bytesOf(path.join(folder, "model.onnx")));
}

/** Tests of which every input and output is a tensor only. */
export function dataSets({ folder }: NodeTest, { graph }: OnnxModel): DataSet[] {
  const constants = new Set(graph.initializer.map(({ name }) => name));
  const inputs = graph.input.filter(({ name }) => !constants.has(name));
  return readdirSync(folder)
    .filter((name) => name.startsWith("test_data_set_"))
    .sort()
    .map((set) => {
      const read = (kind: string, names: readonly { name: string }[]) =>
        new Map(names.map(({ name }, i) => [name, tensorAt(path.join(folder, set, `${kind}_${i}.pb`))]));
      return { inputs: read("input", inputs), outputs: read("output", graph.output) };
    });
}

/** The operator that a test is about. */
export function operatorOf({ name }: NodeTest, { graph }: OnnxModel): string {
  const [first, ...more] = graph.node.filter(({ opType }) => opType !== "Constant");
  if (/_expanded(_|$)/.test(name)) return EXPANDED;
  return first && more.length === 0 ? first.opType : SEVERAL;
}

const tensorAt = (file: string): Tensor => tensorFromOnnx(decodeTensor(bytesOf(file)));
const bytesOf = (file: string): Uint8Array => new Uint8Array(readFileSync(file));
