import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";

import type { GraphRuntime, JobTerms } from "@assay/sdk";
import { packBundle } from "@assay/sdk";

import { LEAST_BYTES } from "../../src/content/shelf.js";
import type { CourtModels } from "../../src/court/courtModels.js";
import type { CourtRun } from "../../src/court/courtRuns.js";
import { CourtRuns, Tracer } from "../../src/court/courtRuns.js";
import { Executor } from "../../src/jobs/executor.js";
import type { Place } from "../../src/jobs/taskPool.js";
import { STAYS } from "../../src/jobs/taskPool.js";
import type { ModelCache } from "../../src/models/modelCache.js";
import { runsOf } from "../../src/roles/role.js";
import { floats } from "../support/fakeRunner.js";
import { calm, gate, Scene } from "../support/scene.js";
import { newStore, NOTHING } from "../support/shelves.js";

const fetch = () => Promise.resolve();
const hold = <T>(_job: string, act: () => Promise<T>) => act();

/** Runs that are told apart by who made them. */
function makes() {
  const made: string[] = [];
  const make = (job: string) => {
    made.push(job);
    return Promise.resolve({ job } as unknown as CourtRun);
  };
  return { made, maker: { hold, fetch, make } };
}

describe("Runs for the court", () => {
  it("are made once, for whoever asks", async () => {
    const { made, maker } = makes();
    const runs = new CourtRuns(maker);
    const [first, second] = await Promise.all([runs.get("1", STAYS), runs.get("1", STAYS)]);
    assert.equal(first, second);
    assert.deepEqual(made, ["1"]);
  });

  it("are kept for the jobs used last, and made again for others", async () => {
    const { made, maker } = makes();
    const runs = new CourtRuns(maker, 2);
    for (const job of ["1", "2", "1", "3", "1", "2"]) await runs.get(job, STAYS);
    assert.deepEqual(made, ["1", "2", "3", "2"]);
  });

  it("keep no other one waiting while what they need is fetched, and are made once it is there", async () => {
    const input = gate<void>();
    const begun: string[] = [];
    const runs = new CourtRuns({
      hold,
      fetch: (job) => (job === "slow" ? input.promise : Promise.resolve()),
      make: (job) => {
        begun.push(job);
        return Promise.resolve({ job } as unknown as CourtRun);
      },
    });
    const slow = runs.get("slow", STAYS);
    await runs.get("quick", STAYS);
    assert.deepEqual(begun, ["quick"]);
    input.open();
    await slow;
    assert.deepEqual(begun, ["quick", "slow"]);
  });

  it("are made one at a time", async () => {
    const gates = new Map(["1", "2"].map((job) => [job, gate<CourtRun>()]));
    const begun: string[] = [];
    const runs = new CourtRuns({
      hold,
      fetch,
      make: (job) => {
        begun.push(job);
        return gates.get(job)?.promise ?? Promise.reject(new Error(job));
      },
    });
    const both = [runs.get("1", STAYS), runs.get("2", STAYS)];
    await calm();
    assert.deepEqual(begun, ["1"]);
    gates.get("1")?.fail(new Error("no input"));
    await assert.rejects(both[0] ?? Promise.resolve());
    await calm();
    assert.deepEqual(begun, ["1", "2"]);
  });

  it("are held what was fetched for, until they are made", async () => {
    const held = new Set<string>();
    const made = gate<CourtRun>();
    const runs = new CourtRuns({
      hold: async (job, act) => {
        held.add(job);
        try {
          return await act();
        } finally {
          held.delete(job);
        }
      },
      fetch: (job) => Promise.resolve(assert.ok(held.has(job))),
      make: () => made.promise,
    });
    const both = [runs.get("1", STAYS), runs.get("2", STAYS)];
    await calm();
    assert.deepEqual([...held], ["1", "2"]);
    made.fail(new Error("no graph"));
    await Promise.allSettled(both);
    assert.equal(held.size, 0);
  });

  it("that failed are made again when they are asked for again", async () => {
    let fails = true;
    const runs = new CourtRuns({
      hold,
      fetch,
      make: (job) => (fails ? Promise.reject(new Error("no input")) : Promise.resolve({ job } as unknown as CourtRun)),
    });
    await assert.rejects(runs.get("1", STAYS), /no input/);
    fails = false;
    assert.ok(await runs.get("1", STAYS));
  });

  it("of jobs that are not wanted any more are forgotten", async () => {
    const { made, maker } = makes();
    const runs = new CourtRuns(maker);
    await runs.get("1", STAYS);
    await runs.get("2", STAYS);
    runs.keepOnly(["2"]);
    await runs.get("2", STAYS);
    await runs.get("1", STAYS);
    assert.deepEqual(made, ["1", "2", "1"]);
  });
});

describe("What a run for the court needs", () => {
  it("is held in the content store, however much strangers bring before it is made", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "assay-court-runs-"));
    const [input = assert.fail(), ...flood] = [1, 2, 3, 4].map((n) => packBundle(new Map([["x", floats(n)]]), ["x"]));
    const shelf = { maxBytes: 2 * LEAST_BYTES, needed: () => NOTHING };
    const store = newStore(folder, { tensors: shelf, files: shelf });
    const scene = new Scene();
    scene.requested(1, { inputCommitment: input.root });
    const isHere = () => store.has("tensors", input.root);
    const parts = [{}, store, {}, {}, { inputBytes: 1000, outputBytes: 1000 }, scene.metrics];
    const executor = new Executor(...(parts as unknown as ConstructorParameters<typeof Executor>));
    const { signal } = new AbortController();
    class OneTracer extends Tracer {
      override fetch = () => store.putBundle(input);
      override async trace(): Promise<CourtRun> {
        for (const each of flood) await store.putBundle(each);
        return { wasHere: await isHere() } as unknown as CourtRun;
      }
    }
    const tracer = new OneTracer({} as ModelCache, {} as CourtModels, executor, () => ({}) as GraphRuntime, signal);
    try {
      const run = await runsOf({ ...scene.context, tracer }).get(scene.id(1), STAYS);
      assert.deepEqual(run, { wasHere: true });
      for (const each of flood) await store.putBundle(each);
      assert.equal(await isHere(), false);
    } finally {
      scene.journal.close();
      store.close();
      rmSync(folder, { recursive: true });
    }
  });

  for (const [where, isHere, leaves] of [
    ["is fetched with the place left to others", false, ["model 1", "client"]],
    ["is not fetched where the model is here", true, ["client"]],
  ] as const) {
    it(where, async () => {
      const away: string[] = [];
      const place: Place = {
        leaveFor: (group, act) => {
          away.push(group);
          return act();
        },
      };
      const files: bigint[] = [];
      const models = {
        isHere: () => Promise.resolve(isHere),
        fileOf: (id: bigint) => {
          files.push(id);
          return Promise.resolve(new Uint8Array());
        },
      } as unknown as ModelCache;
      const executor = {
        input: (_terms: JobTerms, uri: string, given: Place) => given.leaveFor("client", () => Promise.resolve(uri)),
      } as unknown as Executor;
      const { signal } = new AbortController();
      const tracer = new Tracer(models, {} as CourtModels, executor, () => ({}) as GraphRuntime, signal);
      await tracer.fetch(new Scene().terms(7), "https://input", place);
      assert.deepEqual(away, leaves);
      assert.deepEqual(files, isHere ? [] : [1n]);
    });
  }
});
