import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";

import { Sweep } from "../../src/content/sweep.js";
import { calm, gate } from "../support/scene.js";

const NEVER = new AbortController().signal;

describe("The sweep of the content store", () => {
  let sweeps: ReturnType<typeof gate<void>>[];
  let errors: unknown[];
  let sweep: Sweep;
  beforeEach(() => {
    sweeps = [];
    errors = [];
    const store = {
      sweep: () => {
        const begun = gate<void>();
        sweeps.push(begun);
        return begun.promise;
      },
    };
    sweep = new Sweep(store, NEVER, (error) => errors.push(error));
  });
  const at = async (now: number) => {
    sweep.tick(now);
    await calm();
    return sweeps.length;
  };

  it("is made once, however long it takes", async () => {
    assert.equal(await at(0), 1);
    assert.equal(await at(1000), 1);
    let isOver = false;
    const ended = sweep.ended().then(() => (isOver = true));
    await calm();
    assert.equal(isOver, false);
    sweeps[0]?.open();
    await ended;
    assert.deepEqual([await at(2000), errors], [1, []]);
    await sweep.ended();
  });

  it("is made again where it failed, after pauses that double", async () => {
    const fault = new Error("the node does not answer");
    const failedAt = async (now: number) => {
      sweeps.at(-1)?.fail(fault);
      await sweep.ended();
      return [await at(now), errors.length];
    };
    await at(1000);
    assert.deepEqual(await failedAt(1004), [1, 1]);
    assert.equal(await at(1005), 2);
    assert.deepEqual(await failedAt(1014), [2, 2]);
    assert.equal(await at(1015), 3);
    sweeps.at(-1)?.open();
    await sweep.ended();
    assert.equal(await at(9999), 3);
    assert.deepEqual(errors, [fault, fault]);
  });
});
