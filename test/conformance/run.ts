import type { OnnxModel, Problem, Tensor } from "@assay/sdk";
import { DTYPES, initHash, toTypedArray } from "@assay/sdk";

import type { Form } from "./forms.js";
import { formsOf, prepare } from "./forms.js";
import { Judge } from "./judge.js";
import type { DataSet, NodeTest } from "./nodeTests.js";
import { dataSets, modelOf, operatorOf } from "./nodeTests.js";

/** One way of preparing a test's model that the court can judge. */
export interface Run {
  readonly form: Form["name"];
  readonly profile: string;
  readonly nodes: number;
  readonly honest: number;
  readonly changed: number;
  readonly unmovable: number;
}

export interface Result {
  readonly name: string;
  readonly operator: string;
  readonly runs: readonly Run[];
  /** Why the model as it is cannot be judged, where no form of it can. */
  readonly problems: readonly Problem[];
  /** Outputs that are not the expected ones: onnxruntime computes something else. */
  readonly unexpected: readonly string[];
  /** What must not happen: wrong verdicts, and errors that are no refusals. */
  readonly failures: readonly string[];
}

/** Of the ONNX project's own comparison. */
const [RELATIVE, ABSOLUTE] = [1e-3, 1e-7];

/** Runs tests, with at most so many elements of each node before the verifiers. */
export async function runTests(
  tests: readonly NodeTest[],
  elements: number,
  onResult: (result: Result) => void = () => undefined,
): Promise<Result[]> {
  await initHash();
  const judge = await Judge.of(elements);
  const results: Result[] = [];
  for (const test of tests) {
    const result = await runTest(test, judge);
    results.push(result);
    onResult(result);
  }
  return results;
}

async function runTest(test: NodeTest, judge: Judge): Promise<Result> {
  let operator = "";
  try {
    const model = modelOf(test);
    operator = operatorOf(test, model);
    return { name: test.name, operator, ...(await tryForms(test, model, judge)) };
  } catch (error) {
    const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { name: test.name, operator, runs: [], problems: [], unexpected: [], failures: [failure] };
  }
}

async function tryForms(
  test: NodeTest,
  model: OnnxModel,
  judge: Judge,
): Promise<Pick<Result, "runs" | "problems" | "unexpected" | "failures">> {
  const readable = model.graph.input.every(isTensor) && model.graph.output.every(isTensor);
  const found = { runs: [] as Run[], problems: [] as Problem[], unexpected: [] as string[], failures: [] as string[] };
  const refusals: (readonly Problem[])[] = [];
  for (const form of formsOf(model, readable ? dataSets(test, model) : [])) {
    for (const tolerance of [false, true]) {
      const prepared = await prepare(form, tolerance);
      if ("problems" in prepared) {
        refusals.push(prepared.problems);
        continue;
      }
      const { profile, nodes } = prepared.model;
      for (const set of form.sets) {
        const { outputs, wrong, ...counts } = await judge.judge(prepared.model, set);
        found.runs.push({ form: form.name, profile: profile.kind, nodes: nodes.length, ...counts });
        found.unexpected.push(...unexpectedOf(outputs, set));
        found.failures.push(...wrong.map((each) => `${form.name}, ${profile.kind}: ${each}`));
      }
      if (profile.kind === "Exact") break;
    }
  }
  // What keeps back a test is said of the form that comes closest: the last, in the profile that allows most.
  return { ...found, problems: found.runs.length > 0 ? [] : (refusals.at(-1) ?? []) };
}

/** Of a type that this project has; all others it refuses before it reads any. */
function isTensor({ type }: OnnxModel["graph"]["input"][number]): boolean {
  return Object.values(DTYPES).some(({ onnx }) => onnx === type?.tensorType?.elemType);
}

function unexpectedOf(outputs: readonly (readonly [string, Tensor])[], { outputs: expected }: DataSet): string[] {
  return outputs.flatMap(([name, tensor]) => {
    const other = expected.get(name);
    return other && agree(tensor, other) ? [] : [name];
  });
}

function agree(given: Tensor, expected: Tensor): boolean {
  if (given.dtype !== expected.dtype || given.dims.join() !== expected.dims.join()) return false;
  if (given.dtype !== "float32" && given.dtype !== "float64") return Buffer.from(given.data).equals(expected.data);
  const wanted = toTypedArray(expected);
  return Array.from(toTypedArray(given), Number).every((value, i) => isClose(value, Number(wanted[i])));
}

const isClose = (value: number, wanted: number): boolean =>
  Object.is(value, wanted) || value === wanted || Math.abs(value - wanted) <= ABSOLUTE + RELATIVE * Math.abs(wanted);
