import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";

import type { Accusation, CourtModel, DemandedPart, Tensor, TensorCommitment } from "@assay/sdk";
import { answerDemand, fromFloat32Array, initHash, prepareModel, runTrace, Search, shownIn, toHex } from "@assay/sdk";

import { onnxFile } from "../../../sdk/test/support/onnxModel.js";
import { CourtModels } from "../../src/court/courtModels.js";
import { JudgeError, ThreadJudge } from "../../src/court/judge.js";
import { isHopeless } from "../../src/errors.js";
import { OPEN, openRun, productRun, rootsOf } from "../support/courtRuns.js";
import { inProcess } from "../support/inProcessRuntime.js";
import { outputsOf } from "../support/otherOrder.js";

const AT_ALL_TIMES = new AbortController().signal;
const FRAIL = fileURLToPath(new URL("../support/frailJudge.ts", import.meta.url));

/** A convolution of 2.4 million products in any order, on whatever numbers. */
async function convolution(): Promise<{ model: CourtModel; input: Tensor }> {
  const numbers = (...dims: number[]) =>
    fromFloat32Array(
      Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => ((i * 7919) % 1009) / 1009 - 0.5),
      dims,
    );
  const file = onnxFile({
    nodes: [{ op: "Conv", inputs: ["x", "w"], outputs: ["y"], attributes: { pads: [1, 1, 1, 1] } }],
    inputs: { x: ["float32", [1, 64, 8, 8]] },
    outputs: { y: undefined },
    constants: { w: numbers(64, 64, 3, 3) },
  });
  return { model: (await prepareModel(file, { tolerance: true }, inProcess)).model, input: numbers(1, 64, 8, 8) };
}

describe("Judging in a thread", () => {
  before(initHash);

  it("says of a difference what is said here", async () => {
    const run = await openRun();
    const own = run.trace.tensors.map(({ tensor }) => tensor);
    const judge = new ThreadJudge();
    const bytes = { bytes: [3], by: 0x80 };
    const turned = await openRun({ tensor: OPEN.relu, ...bytes }, { tensor: OPEN.doubled, ...bytes });
    const wrong = await openRun({ tensor: OPEN.doubled, bytes: [4] });
    const said = (outputs: ReadonlyMap<string, Tensor> | undefined) =>
      judge.difference(run.model, own, outputs, AT_ALL_TIMES);
    assert.equal(await said(undefined), "unknown");
    for (const [claimed, expected] of [
      [turned, "open"],
      [wrong, "wrong"],
    ] as const) {
      const outputs = outputsOf(
        run.model,
        claimed.trace.tensors.map(({ tensor }) => tensor),
      );
      assert.equal(await said(outputs), expected);
    }
  });

  it("searches as it is searched here, from one question to the next", async () => {
    const own = await openRun();
    const false_ = await openRun({ tensor: OPEN.relu, bytes: [3], by: 0x80 }, { tensor: OPEN.sum, bytes: [0] });
    const here = new Search(own.model, own.trace, rootsOf(false_));
    const there = new ThreadJudge().search(own, rootsOf(false_));
    const demands: DemandedPart[] = [];
    for (;;) {
      const step = await there.next(demands, undefined, AT_ALL_TIMES);
      assert.deepEqual(step, here.next(shownIn(demands)));
      if (step.kind !== "demand") {
        assert.equal(step.kind, "accuse");
        break;
      }
      for (const part of step.parts) {
        const answer = answerDemand(false_.trace.tensors[part.tensor] as TensorCommitment, part);
        demands.push({ part, answer: answer.kind === "leaf" ? { leaf: toHex(answer.leaf) } : answer });
      }
    }
    there.stop();
  });

  it("hands on an accusation with all its shorter forms", async () => {
    const own = await productRun();
    const false_ = await productRun(1);
    const last = own.trace.tensors.length - 1;
    const shown = answerDemand(false_.trace.tensors[last] as TensorCommitment, { tensor: last, level: 0, index: 0 });
    assert.ok(shown.kind === "leaf");
    const demands = [{ part: { tensor: last, level: 0, index: 0 }, answer: { leaf: toHex(shown.leaf) } }];
    const there = new ThreadJudge().search(own, rootsOf(false_));
    const [step, here] = [
      await there.next(demands, undefined, AT_ALL_TIMES),
      new Search(own.model, own.trace, rootsOf(false_)).next(shownIn(demands)),
    ];
    assert.ok(step.kind === "accuse" && here.kind === "accuse");
    let [form, expected]: (Accusation | undefined)[] = [step.accusation, here.accusation];
    const parts: number[] = [];
    for (; form && expected; [form, expected] = [form.smaller?.(), expected.smaller?.()]) {
      assert.deepEqual(
        [form.claim, form.provenance, form.parts],
        [expected.claim, expected.provenance, expected.parts],
      );
      parts.push(form.parts.length);
    }
    assert.deepEqual([form, expected, parts], [undefined, undefined, [0, 1, 3, 7, 15, 31]]);
    there.stop();
  });

  it("lets everything else go on while a stranger's golden vector is compared, and ends with the signal", async () => {
    const { model, input } = await convolution();
    const trace = await runTrace(model, new Map([["x", input]]), inProcess);
    const right = outputsOf(model, trace).get("y") as Tensor;
    const wrong = { ...right, data: Uint8Array.from(right.data, (byte, i) => (i === 0 ? byte ^ 1 : byte)) };
    const court = new CourtModels(
      {} as never,
      () => Promise.reject(new Error("unused")),
      () => inProcess,
      new ThreadJudge(),
      1_000_000,
    );
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const explained = court.explains(model, new Map([["x", input]]), new Map([["y", wrong]]), AT_ALL_TIMES);
    assert.equal(await explained, true);
    clearInterval(timer);
    // On the same thread none would have its turn between the run and the end.
    assert.ok(turns > 20, `${turns} turns`);

    const stop = new AbortController();
    const stopped = court.explains(model, new Map([["x", input]]), new Map([["y", wrong]]), stop.signal);
    setTimeout(() => {
      stop.abort(new Error("told to stop"));
    }, 10);
    await assert.rejects(stopped, /told to stop/);
  });

  it("leaves alone what takes too long three times on end, comparisons and searches of a model apart, for ever longer and never for good", async () => {
    let seconds = 0;
    const judge = new ThreadJudge({ thread: FRAIL, deadlineMs: 300, now: () => 1000 * seconds });
    const run = await openRun();
    const compared = () => judge.difference(run.model, [], undefined, AT_ALL_TIMES);
    const late = (pause: number) => (error: unknown) =>
      error instanceof JudgeError && error.retryable && error.pause === pause && /more than 300 ms/.test(error.message);
    const resting = (pause: number) => (error: unknown) =>
      error instanceof JudgeError && error.retryable && error.pause === pause && /left alone/.test(error.message);
    const searched = () => judge.search(run, rootsOf(run)).next([], undefined, AT_ALL_TIMES);
    for (const pause of [0, 0, 600]) await assert.rejects(searched, late(pause));
    seconds = 599;
    await assert.rejects(searched, resting(1));
    for (const pause of [0, 0, 600]) await assert.rejects(compared, late(pause));
    seconds = 1198;
    await assert.rejects(compared, resting(1));
    for (const pause of [1200, 2400, 3600, 3600]) {
      seconds += 3600;
      await assert.rejects(compared, late(pause));
    }
    await assert.rejects(judge.difference({ ...run.model, commitment: "0x01" }, [], undefined, AT_ALL_TIMES), late(0));
  });

  for (const [what, reason] of [
    ["exit", /it ended/],
    ["throw", /an error in the thread/],
    ["refuse", /bool element 0 is 2/],
  ] as const) {
    it(`tries again a comparison whose thread came to its end by ${what}`, async () => {
      const judge = new ThreadJudge({ thread: FRAIL });
      const { model } = await openRun();
      const named = { ...model, outputNames: [what] };
      const failed = judge.difference(named, [], undefined, AT_ALL_TIMES);
      await assert.rejects(failed, (error: Error) => !isHopeless(error) && reason.test(error.message));
    });
  }
});
