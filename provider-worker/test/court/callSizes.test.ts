import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type { Accusation, Tensor } from "@assay/sdk";
import {
  accusationOf,
  commitTrace,
  elementCount,
  fromFloat32Array,
  initHash,
  PreparationError,
  prepareModel,
  runTrace,
} from "@assay/sdk";
import { dataLength, Transaction, Wallet, ZeroAddress, ZeroHash } from "ethers";

import type { ModelDescription, NodeDescription } from "../../../sdk/test/support/onnxModel.js";
import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { randomTensor } from "../../../sdk/test/support/values.js";
import { Random } from "../../../sdk/test/tensor/random.js";
import { ProofCourt__factory } from "../../../sdk/src/typechain/index.js";
import { inProcess } from "../support/inProcessRuntime.js";

/** Of a signed transaction: go-ethereum passes on no longer one. */
const MOST_BYTES = 131_072;
/** A limit that kept far away from that would refuse models for nothing. */
const LEAST_USED = 0.95 * MOST_BYTES;
/** One after the other behind one input. */
const MOST_NODES = 3_933;
/** As long as what any verifier keeps of a sum. */
const STATE = `0x${"ff".repeat(10 * 32)}`;

const court = ProofCourt__factory.createInterface();
const random = new Random(47);
const zeros = (...dims: number[]): Tensor => fromFloat32Array(new Float32Array(elementCount(dims)), dims);
const node = (op: string, inputs: string[], output: string, attributes = {}): NodeDescription => ({
  op,
  inputs,
  outputs: [output],
  attributes,
});

/** Models by a length, and the greatest one that is taken. */
const MODELS: Readonly<Record<string, readonly [(length: number) => ModelDescription, number]>> = {
  "a row and a column": [
    (length) => ({
      nodes: [node("MatMul", ["x", "w"], "y")],
      inputs: { x: ["float32", [2, length]] },
      outputs: { y: undefined },
      constants: { w: zeros(length, 2) },
    }),
    15_272,
  ],
  "three rows": [
    (length) => ({
      nodes: [
        node("Relu", ["x"], "p"),
        node("Sigmoid", ["x"], "q"),
        node("Add", ["p", "q"], "s"),
        ...["p", "q", "s"].map((each) => node("MatMul", [each, "w"], `${each}w`)),
      ],
      inputs: { x: ["float32", [2, length]] },
      outputs: { pw: undefined, qw: undefined, sw: undefined },
      constants: { w: zeros(length, 2) },
    }),
    10_344,
  ],
  "a filter and the pixels of a part": [
    (length) => ({
      nodes: [node("ConvInteger", ["x", "w"], "y")],
      inputs: { x: ["uint8", [1, length, 32, 32]] },
      outputs: { y: undefined },
      constants: { w: randomTensor(random, "uint8", [1, length, 32, 32]) },
    }),
    32,
  ],
  "a filter and a pixel, in any order": [
    (length) => ({
      nodes: [node("Conv", ["x", "w"], "y")],
      inputs: { x: ["float32", [1, length, 3, 3]] },
      outputs: { y: undefined },
      constants: { w: zeros(1, length, 3, 3) },
    }),
    1_820,
  ],
  "one of many operands": [
    (length) => ({
      nodes: [node("Concat", new Array<string>(length).fill("x"), "y", { axis: 0 })],
      inputs: { x: ["float32", [1, 4]] },
      outputs: { y: undefined },
    }),
    124,
  ],
};

/** The longest about any node of a model. */
async function accusationIn(description: ModelDescription): Promise<Accusation> {
  const { model } = await prepareModel(onnxFile(description), { tolerance: true }, inProcess);
  const inputs = new Map(
    Object.entries(description.inputs).map(([name, [dtype, dims]]) => [
      name,
      randomTensor(random, dtype, dims.map(Number)),
    ]),
  );
  const trace = commitTrace(model, await runTrace(model, inputs, inProcess));
  const all = model.nodes.map((_, i) => accusationOf(model, trace, model.inputNames.length + i, 0));
  return all.reduce((a, b) => (Math.max(...lengths(b)) > Math.max(...lengths(a)) ? b : a));
}

/** Of the signed transactions of an accusation. */
function lengths({ claim, provenance, parts }: Accusation): number[] {
  const words = [2n ** 64n, claim as never, provenance as never] as const;
  if (parts.length === 0) return [signed(court.encodeFunctionData("proveFraud", [...words]))];
  const sums = parts.map((part) => {
    const sum = { next: part.from, state: STATE };
    return court.encodeFunctionData("accumulate", [words[0], part.claim as never, words[2], sum, part.to]);
  });
  const last = court.encodeFunctionData("proveFraudOfSum", [...words, { next: parts.at(-1)?.to ?? 0, state: STATE }]);
  return [...sums, last].map(signed);
}

function signed(data: string): number {
  const most = 2n ** 63n;
  const fees = { gasLimit: 1n << 24n, maxFeePerGas: most, maxPriorityFeePerGas: most };
  const transaction = Transaction.from({ type: 2, chainId: most, nonce: 2 ** 40, to: ZeroAddress, data, ...fees });
  transaction.signature = new Wallet(`0x${"11".repeat(32)}`).signingKey.sign(transaction.unsignedHash);
  return dataLength(transaction.serialized);
}

describe("The longest transaction of an accusation", () => {
  before(initHash);

  for (const [what, [describeModel, most]] of Object.entries(MODELS)) {
    it(`is short enough to be passed on, and one that is longer is refused: ${what}`, async () => {
      const all = lengths(await accusationIn(describeModel(most)));
      assert.ok(Math.max(...all) <= MOST_BYTES);
      const file = onnxFile(describeModel(most + 1));
      await assert.rejects(prepareModel(file, { tolerance: true }, inProcess), PreparationError);
    });
  }

  it("leaves little of that unused", async () => {
    const [describeModel, most] = MODELS["three rows"] ?? [];
    assert.ok(describeModel && most);
    assert.ok(Math.max(...lengths(await accusationIn(describeModel(most)))) > LEAST_USED);
  });
});

describe("A posted trace", () => {
  before(initHash);

  it("has at most as many roots as a transaction can carry, and a model with more is refused", async () => {
    const chain = (length: number): Uint8Array =>
      onnxFile({
        nodes: Array.from({ length }, (_, i) => node("Relu", [i === 0 ? "x" : `y${i - 1}`], `y${i}`)),
        inputs: { x: ["float32", [1]] },
        outputs: { [`y${length - 1}`]: undefined },
      });
    const { model } = await prepareModel(chain(MOST_NODES), {}, inProcess);
    const facts = { jobId: 0, modelId: 0, provider: ZeroAddress, client: ZeroAddress, challenger: ZeroAddress };
    const commitments = { inputCommitment: ZeroHash, outputCommitment: ZeroHash, challengeableUntil: 0 };
    const roots = model.tensors.map(() => ZeroHash);
    const words = [1, { ...facts, ...commitments } as never, model.graph as never, roots] as const;
    assert.ok(signed(court.encodeFunctionData("postTrace", [...words])) <= MOST_BYTES);
    await assert.rejects(prepareModel(chain(MOST_NODES + 1), {}, inProcess), /roots than one transaction can post/);
  });
});
