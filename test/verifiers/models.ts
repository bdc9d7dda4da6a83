import { readFileSync } from "node:fs";
import path from "node:path";

import { expect } from "chai";

import { claimAbout } from "../../sdk/src/court/index.js";
import type { CourtModel, TraceCommitment } from "../../sdk/src/graph/index.js";
import { commitTrace, prepareModel, readModel, RUNTIMES, runTrace } from "../../sdk/src/graph/index.js";
import type { Tensor } from "../../sdk/src/tensor/index.js";
import {
  canonicaliseNaN,
  dtypeSize,
  elementCount,
  fromFloat32Array,
  fromHex,
  initHash,
} from "../../sdk/src/tensor/index.js";
import { Random } from "../../sdk/test/tensor/random.js";
import { inProcess } from "../../provider-worker/test/support/inProcessRuntime.js";
import { floatNetwork } from "../support/networks.js";
import type { RawClaim } from "./support/abi.js";
import type { Verifier } from "./support/judge.js";
import { deployVerifier, Verdict, verdicts } from "./support/judge.js";
import { randomTensor } from "./support/values.js";

const MODELS = path.resolve(import.meta.dirname, "../../models");
const FAMILIES = ["IndexMaps", "Selection", "Elementwise", "Quantization", "IntegerDot", "FloatDot"] as const;
const SAMPLES = 2;
const ELEMENTS = 8;

/** Models and the dims of their input. */
const FLOAT_MODELS = [
  ["breast_cancer_mlp_fp32", "breast_cancer", [1, 30]],
  ["digits_mlp_fp32", "digits", [1, 64]],
  ["digits_cnn_fp32", "digits_cnn", [1, 1, 8, 8]],
] as const;

interface Prepared {
  model: CourtModel;
  inputs: Tensor[];
}

for (const [name, data, dims, runtime] of FLOAT_MODELS.flatMap((each) =>
  RUNTIMES.map((by) => [...each, by] as const),
)) {
  judgedNodeByNode(`${name} for ${runtime}`, async () => {
    const options = { dims: { N: 1 }, stripSoftmax: true, argMaxOfLogits: true, runtime };
    const { model } = await prepareModel(read(`${name}.onnx`), options, inProcess);
    const numbers = new Float32Array(read(`${data}.test.x.f32`).buffer);
    const size = elementCount(dims);
    const sample = (i: number) => fromFloat32Array(numbers.slice(size * i, size * (i + 1)), dims);
    return { model, inputs: Array.from({ length: SAMPLES }, (_, i) => sample(i)) };
  });
}

for (const runtime of RUNTIMES) {
  judgedNodeByNode(`a network of all operators for ${runtime}`, async () => {
    const { file, dims } = floatNetwork(runtime);
    const random = new Random(4);
    const inputs = Array.from({ length: SAMPLES }, () => randomTensor(random, "float32", dims, "finite"));
    return { model: await readModel(file, inProcess), inputs };
  });
}

/** Every node of a model, as honest providers computed it and with a bit changed. */
function judgedNodeByNode(name: string, prepare: () => Promise<Prepared>): void {
  describe(`${name}, judged node by node`, function () {
    this.timeout(0);
    const verifiers = Promise.all(FAMILIES.map(deployVerifier));
    const random = new Random(9);
    let model: CourtModel;
    const traces: Tensor[][] = [];

    before(async () => {
      await initHash();
      const { model: prepared, inputs } = await prepare();
      model = prepared;
      for (const x of inputs) traces.push((await runTrace(model, new Map([["x", x]]), inProcess)).map(canonicaliseNaN));
    });

    it("is Canonical: it has sums of floats", () => {
      expect(model.profile.kind).to.equal("Canonical");
      expect(model.nodes.some(({ operator }) => operator >> 8 === 6)).to.equal(true);
    });

    it("convicts a changed bit of an element of each node, and no element that is right", async () => {
      for (const [i, node] of model.nodes.entries()) {
        const verifier = (await verifiers)[(node.operator >> 8) - 1] as Verifier;
        const tensor = model.inputNames.length + i;
        const honest = traces.flatMap((trace) => claimsAbout(trace, tensor, (element) => [element, trace]));
        const changed = traces.flatMap((trace) =>
          claimsAbout(trace, tensor, (element) => [element, withChangedBit(trace, tensor, element)]),
        );
        expect(new Set(await verdicts(verifier, honest)), `node ${i}`).to.deep.equal(new Set([Verdict.Stands]));
        expect(new Set(await verdicts(verifier, changed)), `node ${i}`).to.deep.equal(new Set([Verdict.Contradicted]));
      }
    });

    function claimsAbout(
      trace: readonly Tensor[],
      tensor: number,
      make: (element: number) => [element: number, trace: readonly Tensor[]],
    ): RawClaim[] {
      const count = elementCount(trace[tensor]?.dims ?? []);
      return Array.from({ length: Math.min(count, ELEMENTS) }, (_, i) => {
        const [element, given] = make(count <= ELEMENTS ? i : random.below(count));
        return rawClaim(model, commitTrace(model, given), tensor, element);
      });
    }
  });
}

function read(file: string): Uint8Array {
  return new Uint8Array(readFileSync(path.join(MODELS, file)));
}

function withChangedBit(trace: readonly Tensor[], at: number, element: number): Tensor[] {
  return trace.map((tensor, i) => {
    if (i !== at) return tensor;
    const data = Uint8Array.from(tensor.data);
    const byte = element * dtypeSize(tensor.dtype);
    data[byte] = (data[byte] ?? 0) ^ 1;
    return { ...tensor, data };
  });
}

function rawClaim(model: CourtModel, trace: TraceCommitment, tensor: number, element: number): RawClaim {
  const claim = claimAbout(model, trace, tensor, element);
  return { ...claim, openings: claim.openings.map((opening) => ({ ...opening, data: fromHex(opening.data) })) };
}
