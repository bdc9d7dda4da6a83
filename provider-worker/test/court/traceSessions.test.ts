import assert from "node:assert/strict";
import { before, beforeEach, describe, it } from "node:test";

import type { CourtModel, GraphRuntime, LoadedModel } from "@assay/sdk";
import { initHash } from "@assay/sdk";

import { sideBySide, TraceSessions, tracesAtOnce } from "../../src/court/traceSessions.js";
import { digitsCnn } from "../support/courtRuns.js";
import { inProcess } from "../support/inProcessRuntime.js";

const GB = 2 ** 30;

describe("Models loaded for runs before the court", () => {
  let loads: number;
  let running: number;
  /** Whether the first two were killed. */
  let killed: boolean;
  let stop: AbortController;
  let one: CourtModel;
  let other: CourtModel;
  before(initHash);
  beforeEach(async () => {
    [loads, running, killed] = [0, 0, false];
    stop = new AbortController();
    one = await digitsCnn();
    other = { ...one, commitment: "0x02" };
  });
  const sessions = (most: number) => {
    const load = (): Promise<LoadedModel> => {
      loads++;
      running++;
      const stopIt = () => {
        running--;
      };
      const nth = loads;
      const hasEnded = () => killed && nth <= 2;
      return Promise.resolve({ run: () => Promise.resolve(new Map()), stop: stopIt, hasEnded });
    };
    const runtime: GraphRuntime = { ...inProcess, load };
    return new TraceSessions(() => runtime, most, stop.signal);
  };
  const nothing = () => Promise.resolve();

  it("stay for the next run", async () => {
    const kept = sessions(2);
    for (let i = 0; i < 5; i++) await kept.use(one, nothing);
    assert.deepEqual([loads, running], [1, 1]);
  });

  it("are one for each run under way", async () => {
    const kept = sessions(2);
    await kept.use(one, () => kept.use(one, nothing));
    assert.deepEqual([loads, running], [2, 2]);
  });

  it("make room for others, the least recently used first", async () => {
    const kept = sessions(1);
    await kept.use(one, nothing);
    await kept.use(other, () => {
      assert.equal(running, 1);
      return Promise.resolve();
    });
    await kept.use(other, nothing);
    assert.deepEqual([loads, running], [2, 1]);
  });

  it("are no more than the limit, those that are in use and those that load included", async () => {
    const most = 4;
    const kept = sessions(most);
    const model = (i: number): CourtModel => ({ ...one, commitment: `0x${i}` });
    const several = Array.from({ length: most }, (_, i) => i);
    await Promise.all(several.map((i) => kept.use(model(i), nothing)));
    assert.equal(running, most);
    const peaks: number[] = [];
    const uses = several.map((i) =>
      kept.use(model(10 + i), async () => {
        peaks.push(running);
        await new Promise((resolve) => setImmediate(resolve));
      }),
    );
    await Promise.all(uses);
    assert.deepEqual([Math.max(...peaks), running], [most, most]);
  });

  it("are not used again after a run that failed", async () => {
    const kept = sessions(2);
    await assert.rejects(
      kept.use(one, () => Promise.reject(new Error("killed"))),
      /killed/,
    );
    assert.equal(running, 0);
    await kept.use(one, nothing);
    assert.equal(loads, 2);
  });

  it("are not used again once somebody killed their processes while nobody used them", async () => {
    const kept = sessions(2);
    await kept.use(one, () => kept.use(one, nothing));
    killed = true;
    await kept.use(one, (loaded) => {
      assert.equal(loaded.hasEnded?.(), false);
      return Promise.resolve();
    });
    assert.equal(loads, 3);
  });

  it("go with the worker, also those that are in use then", async () => {
    const kept = sessions(2);
    await kept.use(one, nothing);
    await kept.use(other, () => {
      stop.abort(new Error("told to stop"));
      return Promise.resolve();
    });
    assert.equal(running, 0);
    await assert.rejects(kept.use(one, nothing), /told to stop/);
  });
});

describe("Runs for the court at once", () => {
  for (const [cores, memory, most] of [
    [2, 16 * GB, 2],
    [16, 16 * GB, 4],
    [64, 256 * GB, 8],
    [8, 1 * GB, 1],
  ] as const) {
    it(`are ${most} with ${cores} cores and ${memory / GB} GB`, () => {
      assert.equal(tracesAtOnce(2048, { cores, memory }), most);
    });
  }

  for (const [traces, cores, most] of [
    [4, 16, 4],
    [256, 4, 4],
    [256, 64, 8],
  ] as const) {
    it(`are counted as ${most} where the settings say ${traces}, with ${cores} cores`, () => {
      assert.equal(sideBySide(traces, cores), most);
    });
  }
});
