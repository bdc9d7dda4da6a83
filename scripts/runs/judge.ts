import { readdir, readFile } from "node:fs/promises";
import path from "node:path";

import type { CourtModel, GraphRuntime, Tensor } from "@assay/sdk";
import {
  canonicaliseNaN,
  elementCount,
  firstUnexplained,
  judgeOf,
  operandsOf,
  parseSafetensors,
  runTrace,
} from "@assay/sdk";

import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { folderOf, native, subjectOf } from "./write.js";

/** Elements of one tensor that are judged; of more, evenly spread ones. */
const ELEMENTS = 2_000;

/** What became of the runs of one model on one processor. */
export interface RunRow {
  readonly model: string;
  readonly profile: string;
  readonly run: string;
  /** Whether a worker there computes the registered graph from the file, and so serves the model. */
  readonly serves: boolean;
  readonly traces: number;
  /** Traces with the bits of this machine's. */
  readonly same: number;
  /** Elements, and those that contradict the operands that their own trace has. */
  readonly judged: number;
  readonly contradicted: number;
  /** Traces whose outputs an auditor who ran the model here would challenge. */
  readonly challenged: number;
}

/** Every run in a subject's folder. */
export async function judgeRuns(root: string, name: string): Promise<RunRow[]> {
  const { model, inputs } = await subjectOf(name);
  const folder = folderOf(root, name);
  const own = await Promise.all(inputs.map((x) => runTrace(model, new Map([["x", x]]), inProcess)));
  const files = (await readdir(folder)).filter(
    (file) => file.endsWith(".safetensors") && file !== "inputs.safetensors",
  );
  const rows: RunRow[] = [];
  for (const file of files.sort((a, b) => Number(b === native) - Number(a === native) || (a < b ? -1 : 1))) {
    const { tensors, metadata } = parseSafetensors(new Uint8Array(await readFile(path.join(folder, file))));
    const found = await judgeRun(model, inputs, own, tensors);
    const serves = metadata.get("graph") === model.commitment;
    rows.push({ model: name, profile: model.profile.kind, run: path.parse(file).name, serves, ...found });
  }
  return rows;
}

async function judgeRun(
  model: CourtModel,
  inputs: readonly Tensor[],
  own: readonly (readonly Tensor[])[],
  found: ReadonlyMap<string, Tensor>,
): Promise<Omit<RunRow, "model" | "profile" | "run" | "serves">> {
  const row = { traces: 0, same: 0, judged: 0, contradicted: 0, challenged: 0 };
  for (const [i, x] of inputs.entries()) {
    const mine = own[i] ?? [];
    const trace = (await runTrace(model, new Map([["x", x]]), replay(found, i))).map(canonicaliseNaN);
    const elements = judgeTrace(model, trace);
    row.traces++;
    row.same += Number(trace.every((tensor, at) => Buffer.compare(tensor.data, mine[at]?.data ?? Buffer.of()) === 0));
    row.judged += elements.judged;
    row.contradicted += elements.contradicted;
    row.challenged += Number(isChallenged(model, mine, trace));
  }
  return row;
}

/** A runtime that gives what another one computed. */
function replay(found: ReadonlyMap<string, Tensor>, sample: number): GraphRuntime {
  const prefix = `${sample}/`;
  const outputs = new Map(
    [...found].flatMap(([key, tensor]): [string, Tensor][] =>
      key.startsWith(prefix) ? [[key.slice(prefix.length), tensor]] : [],
    ),
  );
  return { ...inProcess, load: () => Promise.resolve({ run: () => Promise.resolve(outputs), stop: () => undefined }) };
}

function judgeTrace(model: CourtModel, trace: readonly Tensor[]): { judged: number; contradicted: number } {
  let [judged, contradicted] = [0, 0];
  for (const [at, instruction] of model.instructions.entries()) {
    const output = trace[model.inputNames.length + at];
    if (!output) continue;
    const isWrong = judgeOf(instruction, operandsOf(model, trace, at), output, model.nodes[at]?.numeric);
    const count = elementCount(output.dims);
    const step = Math.max(1, Math.floor(count / ELEMENTS));
    for (let element = 0; element < count; element += step) {
      judged++;
      contradicted += Number(isWrong(element));
    }
  }
  return { judged, contradicted };
}

/** In profile Tolerance by intervals, in the others by bits. */
function isChallenged(model: CourtModel, own: readonly Tensor[], trace: readonly Tensor[]): boolean {
  const outputs = model.outputs.map((tensor, i): [string, Tensor | undefined] => [
    model.outputNames[i] ?? "",
    trace[tensor],
  ]);
  const given = new Map(outputs.filter((each): each is [string, Tensor] => each[1] !== undefined));
  if (model.profile.kind === "Tolerance") return firstUnexplained(model, own, given) !== undefined;
  return model.outputs.some(
    (at) => Buffer.compare(trace[at]?.data ?? Buffer.of(), own[at]?.data ?? Buffer.of(1)) !== 0,
  );
}
