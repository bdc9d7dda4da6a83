import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { before, describe, it } from "node:test";

import type { Tensor, TraceOutline } from "@assay/sdk";
import { AssayError, commitTrace, fromFloat32Array, initHash, Layout, runTrace, TensorError } from "@assay/sdk";

import { Committer } from "../../src/court/commit.js";
import { digitsCnn } from "../support/courtRuns.js";
import { inProcess } from "../support/inProcessRuntime.js";
import { samples } from "../support/models.js";

const AT_ALL_TIMES = new AbortController().signal;

/** One input that is the output too, of so many channels of 56 by 56. */
function large(channels: number, layout: Layout = Layout.Pixels): [TraceOutline, Tensor[]] {
  const dims = [1, channels, 56, 56];
  const numbers = Float32Array.from({ length: channels * 56 * 56 }, (_, i) => i);
  const meta = { dtype: "float32", dims, layout } as unknown as TraceOutline["tensors"][number];
  const outline = { tensors: [meta], inputNames: ["x"], outputNames: ["x"], outputs: [0] };
  return [outline, [fromFloat32Array(numbers, dims)]];
}

describe("Committing to a trace in a thread", () => {
  before(initHash);
  const committer = new Committer(AT_ALL_TIMES);

  it("gives what committing here gives: roots, proofs, leaves and tensors", async () => {
    const model = await digitsCnn();
    const x = samples("digits_cnn").x[0];
    assert.ok(x);
    const trace = await runTrace(model, new Map([[model.inputNames[0] ?? "", x]]), inProcess);
    const here = commitTrace(model, trace);
    const there = await committer.commit(model, trace);
    assert.equal(there.traceRoot, here.traceRoot);
    assert.equal(there.inputRoot, here.inputRoot);
    assert.equal(there.outputRoot, here.outputRoot);
    for (const [i, tensor] of here.tensors.entries()) {
      const { tree, ...rest } = there.tensors[i] ?? assert.fail(`tensor ${i} is missing`);
      const { tree: wanted, ...others } = tensor;
      assert.deepEqual(rest, others);
      assert.equal(tree.root, wanted.root);
      assert.equal(tree.leafCount, wanted.leafCount);
      assert.deepEqual(tree.proof(wanted.leafCount - 1), wanted.proof(wanted.leafCount - 1));
    }
    // What was handed over was a copy: the run itself is still there.
    assert.ok(trace.every(({ data, dims }) => data.length > 0 || dims.includes(0)));
  });

  it("gives each of many traces at once what is its own", async () => {
    const sizes = [1, 2, 3];
    const all = sizes.map((channels) => committer.commit(...large(channels)));
    const roots = (await Promise.all(all)).map(({ traceRoot }) => traceRoot);
    assert.deepEqual(
      roots,
      sizes.map((channels) => commitTrace(...large(channels)).traceRoot),
    );
  });

  it("gives each its turn when the one before has ended", async () => {
    const turns: string[] = [];
    const commit = (name: string) =>
      committer.commit(...large(1), async (act) => {
        turns.push(`${name} begins`);
        return act().finally(() => turns.push(`${name} ends`));
      });
    await Promise.all([commit("a"), commit("b")]);
    assert.deepEqual(turns, ["a begins", "a ends", "b begins", "b ends"]);
  });

  it("leaves the thread it is called from free to do other things", async () => {
    const [outline, trace] = large(64);
    let turns = 0;
    let done = false;
    const turn = () => {
      turns++;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    const { tensors } = await committer.commit(outline, trace);
    done = true;
    assert.equal(tensors[0]?.header.nLeaves, 56 * 56);
    // On the same thread nothing would have its turn between the call and its end.
    assert.ok(turns > 10, `${turns} turns`);
  });

  it("ends with the reason that it was stopped for", async () => {
    const [outline, trace] = large(64);
    const stop = new AbortController();
    const reason = new Error("told to stop");
    const stopped = new Committer(stop.signal);
    const ended = [stopped.commit(outline, trace), stopped.commit(outline, trace)];
    stop.abort(reason);
    for (const each of ended) await assert.rejects(each, (error) => error === reason);
    await assert.rejects(stopped.commit(outline, trace), (error) => error === reason);
  });

  it("leaves nothing behind of a thread that ended, however many did", async () => {
    const [outline] = large(1);
    const { signal } = new AbortController();
    const restarted = new Committer(signal);
    const passesToNoThread = [{ data: () => 0 }] as unknown as Tensor[];
    for (let i = 0; i < 5; i++)
      await assert.rejects(restarted.commit(outline, passesToNoThread), /could not be cloned/);
    assert.ok(getEventListeners(signal, "abort").length <= 1);
  });

  it("throws what committing here throws", async () => {
    const [outline, [tensor]] = large(1);
    assert.ok(tensor);
    const wrong = { ...tensor, dims: [1, 1, 56, 55] };
    for (const [trace, type, message] of [
      [[], AssayError, /tensor 0 of the trace is missing/],
      [[wrong], AssayError, /a tensor is float32\[1, 1, 56, 55\], the graph says/],
    ] as const) {
      assert.throws(() => commitTrace(outline, trace), message);
      await assert.rejects(committer.commit(outline, trace), (error) => {
        assert.ok(error instanceof type);
        assert.match(error.message, message);
        return true;
      });
    }
    const [reversed, floats] = large(1, Layout.ColumnsReversed);
    await assert.rejects(committer.commit(reversed, floats), (error) => {
      return error instanceof TensorError && error.code === "BAD_LAYOUT";
    });
  });
});
