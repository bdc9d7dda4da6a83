import assert from "node:assert/strict";
import { before, describe, it } from "node:test";

import type { Tensor } from "@assay/sdk";
import { fromNumbers, initHash } from "@assay/sdk";

import { randomTensor } from "../../../sdk/test/support/values.js";
import { Random } from "../../../sdk/test/tensor/random.js";
import type { Case } from "../support/oneNode.js";
import { check } from "../support/oneNode.js";

/** Along one axis. */
interface Window {
  readonly dim: number;
  readonly length: number;
  readonly stride: number;
  readonly dilation: number;
}

const UPPER_AND_LOWER = ["SAME_UPPER", "SAME_LOWER"] as const;
const upTo = (most: number): number[] => Array.from({ length: most }, (_, i) => i + 1);
const WINDOWS: readonly Window[] = upTo(9).flatMap((dim) =>
  upTo(3).flatMap((length) =>
    upTo(4).flatMap((stride) => upTo(3).map((dilation) => ({ dim, length, stride, dilation }))),
  ),
);

function pooling({ dim, length, stride, dilation }: Window, auto_pad: string, ceil_mode: number): Case {
  const attributes = { auto_pad, kernel_shape: [length], strides: [stride], dilations: [dilation], ceil_mode };
  return { op: "MaxPool", inputs: [randomTensor(new Random(dim), "float32", [1, 2, dim])], attributes };
}

function convolution({ dim, length, stride }: Window, auto_pad: string): Case {
  const w: Tensor = fromNumbers(
    "uint8",
    [1, 1, length],
    upTo(length).map((place) => 3 * place),
  );
  const x = randomTensor(new Random(dim), "uint8", [1, 1, dim]);
  return { op: "ConvInteger", inputs: [x], constants: { 1: w }, attributes: { auto_pad, strides: [stride] } };
}

/** Whether a case is judged. One that is not is refused for its window, or onnxruntime does not take it. */
async function isJudged(given: Case): Promise<boolean> {
  try {
    await check(given);
    return true;
  } catch (error) {
    assert.match(String(error), /negative pads|in the padding altogether|has no elements|does not run/);
    return false;
  }
}

async function countJudged(cases: readonly Case[]): Promise<number> {
  let judged = 0;
  for (const each of cases) if (await isJudged(each)) judged++;
  return judged;
}

describe("With auto_pad SAME the court's windows lie where those of onnxruntime do", () => {
  before(initHash);

  it("of poolings with strides beyond the kernel, dilations and ceil_mode", async () => {
    const cases = WINDOWS.flatMap((window) =>
      UPPER_AND_LOWER.flatMap((autoPad) => [0, 1].map((ceilMode) => pooling(window, autoPad, ceilMode))),
    );
    assert.ok((await countJudged(cases)) > cases.length / 2);
  });

  it("of convolutions with strides beyond the kernel", async () => {
    const plain = WINDOWS.filter(({ dilation }) => dilation === 1);
    const cases = plain.flatMap((window) => UPPER_AND_LOWER.map((autoPad) => convolution(window, autoPad)));
    assert.ok((await countJudged(cases)) > cases.length / 2);
  });
});
