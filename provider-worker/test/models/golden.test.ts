import assert from "node:assert/strict";
import { describe, it } from "node:test";

import type { Tensor } from "@assay/sdk";
import { commitBundle, makeTensor, serialiseSafetensors, TensorError } from "@assay/sdk";

import type { GoldenVector, RootOf } from "../../src/models/golden.js";
import {
  MAX_GOLDEN_BYTES,
  MAX_GOLDEN_VECTORS,
  readGolden,
  requireGolden,
  writeGolden,
} from "../../src/models/golden.js";
import { FakeRunner, floats } from "../support/fakeRunner.js";

const NEVER = new AbortController().signal;
const rootOf: RootOf = (tensors, names) => Promise.resolve(commitBundle(tensors, names).root);
const VECTORS: GoldenVector[] = [
  { inputs: new Map([["x", floats(1, 2)]]), outputs: new Map([["y", floats(2, 3)]]) },
  { inputs: new Map([["x", floats(5)]]), outputs: new Map([["y", floats(6)]]) },
];

const tiny = (count: number): GoldenVector[] =>
  Array.from({ length: count }, () => ({ inputs: new Map([["x", floats(1)]]), outputs: new Map([["y", floats(2)]]) }));

function huge(): GoldenVector {
  const x = makeTensor("uint8", [MAX_GOLDEN_BYTES], new Uint8Array(MAX_GOLDEN_BYTES));
  return { inputs: new Map([["x", x]]), outputs: new Map([["y", floats(2)]]) };
}

describe("Golden vectors", () => {
  it("come out of their file as they went in", () => {
    assert.deepEqual(readGolden(writeGolden(VECTORS)), VECTORS);
  });

  it("are reproduced by an honest runner", async () => {
    const runner = new FakeRunner();
    await requireGolden(runner, VECTORS, NEVER, rootOf);
    assert.equal(runner.runs, 2);
  });

  it("may differ where it is explained, and only there", async () => {
    const almost = new FakeRunner((x) => x + 1.0000005);
    const asked: GoldenVector[] = [];
    const explains = (vector: GoldenVector) => {
      asked.push(vector);
      return Promise.resolve(vector === VECTORS[0]);
    };
    await assert.rejects(requireGolden(almost, VECTORS, NEVER, rootOf, explains), /golden vector 1 gives/);
    assert.deepEqual(asked, VECTORS);
  });

  it("tell which vector a machine does not reproduce, to the last bit", async () => {
    const almost = new FakeRunner((x) => (x === 5 ? 6.0000005 : x + 1));
    await assert.rejects(
      requireGolden(almost, VECTORS, NEVER, rootOf),
      /golden vector 1 gives 0x[0-9a-f]{64}, not 0x[0-9a-f]{64}/,
    );
    const zero = [{ inputs: new Map([["x", floats(-0)]]), outputs: new Map([["y", floats(0)]]) }];
    await assert.rejects(requireGolden(new FakeRunner((x) => x), zero, NEVER, rootOf), /golden vector 0/);
  });

  for (const [what, tensors] of [
    ["none at all", {}],
    ["tensors of another kind", { "0/weight/x": floats(1) }],
    ["tensors without a number", { "x/input/x": floats(1) }],
    ["a vector left out", { "1/input/x": floats(1), "1/output/y": floats(2) }],
    ["a vector without outputs", { "0/input/x": floats(1) }],
    ["a vector without inputs", { "0/output/y": floats(1) }],
  ] as const) {
    it(`are refused with ${what}`, () => {
      const file = serialiseSafetensors(new Map(Object.entries(tensors)));
      assert.throws(() => readGolden(file), { name: "WorkerError", retryable: false });
    });
  }

  for (const [what, vectors, message] of [
    ["a number that every machine can run", tiny(MAX_GOLDEN_VECTORS + 1), /golden vector 32: the last may be 31/],
    ["a size that every machine can hold", [huge()], /have 64000\d+ bytes, more than 64000000/],
  ] as const) {
    it(`are neither written nor read beyond ${what}`, () => {
      const refused = { name: "WorkerError", retryable: false, message };
      assert.throws(() => writeGolden(vectors), refused);
      const tensors = vectors.flatMap(({ inputs, outputs }, i): [string, Tensor][] => [
        [`${i}/input/x`, inputs.get("x") ?? floats()],
        [`${i}/output/y`, outputs.get("y") ?? floats()],
      ]);
      assert.throws(() => readGolden(serialiseSafetensors(new Map(tensors))), refused);
    });
  }

  it("may be as many as every machine can run", () => {
    assert.equal(readGolden(writeGolden(tiny(MAX_GOLDEN_VECTORS))).length, MAX_GOLDEN_VECTORS);
  });

  it("are refused where the file is damaged", () => {
    const bytes = writeGolden(VECTORS);
    assert.throws(() => readGolden(bytes.slice(0, bytes.length - 1)), TensorError);
    assert.throws(() => readGolden(new Uint8Array(40)), TensorError);
  });
});
