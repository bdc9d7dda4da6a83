import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, it } from "node:test";

import type { BundleFile, CourtModel, JobTerms, TraceCommitment } from "@assay/sdk";
import { packBundle } from "@assay/sdk";

import { LEAST_BYTES } from "../../src/content/shelf.js";
import type { CourtRun, TracerParts } from "../../src/court/courtRuns.js";
import { CourtRuns, Tracer } from "../../src/court/courtRuns.js";
import { TraceCosts } from "../../src/court/traceCosts.js";
import type { TraceSessions } from "../../src/court/traceSessions.js";
import { Executor } from "../../src/jobs/executor.js";
import { Gate } from "../../src/jobs/gate.js";
import type { Place } from "../../src/jobs/taskPool.js";
import { STAYS } from "../../src/jobs/taskPool.js";
import type { ModelCache } from "../../src/models/modelCache.js";
import { runsOf } from "../../src/roles/role.js";
import { floats } from "../support/fakeRunner.js";
import { calm, gate, Scene } from "../support/scene.js";
import { newStore, NOTHING } from "../support/shelves.js";

const fetch = () => Promise.resolve();
const hold = <T>(_job: string, act: () => Promise<T>) => act();

const tensor = (bytes: number) => ({ tensor: { data: new Uint8Array(bytes) }, leaves: [], tree: { leafCount: 0 } });
/** Runs that are told apart by who made them. */
const runOf = (job: string, bytes = 0) => ({ job, trace: { tensors: [tensor(bytes)] } }) as unknown as CourtRun;
/** A run takes a thousand bytes besides its tensors. */
const ROOM_FOR_TWO = 2 * 1000 + 2 * 100;

function makes(bytes = 100) {
  const made: string[] = [];
  const make = (job: string) => {
    made.push(job);
    return Promise.resolve(runOf(job, bytes));
  };
  return { made, maker: { hold, fetch, make } };
}

describe("Runs for the court", () => {
  it("are made once, for whoever asks", async () => {
    const { made, maker } = makes();
    const runs = new CourtRuns(maker, ROOM_FOR_TWO);
    const [first, second] = await Promise.all([runs.get("1", STAYS), runs.get("1", STAYS)]);
    assert.equal(first, second);
    assert.deepEqual(made, ["1"]);
  });

  it("are kept for the jobs used last, and made again for others", async () => {
    const { made, maker } = makes();
    const runs = new CourtRuns(maker, ROOM_FOR_TWO);
    for (const job of ["1", "2", "1", "3", "1", "2"]) await runs.get(job, STAYS);
    assert.deepEqual(made, ["1", "2", "3", "2"]);
  });

  it("are all kept while they are small, so that a demand in each case makes none of them again", async () => {
    const { made, maker } = makes(0);
    const runs = new CourtRuns(maker, 1_000_000);
    for (let round = 0; round < 3; round++) for (let job = 0; job < 500; job++) await runs.get(String(job), STAYS);
    assert.equal(made.length, 500);
  });

  it("are kept one at least, however large it is", async () => {
    const { made, maker } = makes(10_000);
    const runs = new CourtRuns(maker, ROOM_FOR_TWO);
    for (const job of ["1", "1", "2", "2", "1"]) await runs.get(job, STAYS);
    assert.deepEqual(made, ["1", "2", "1"]);
  });

  it("keep no other one waiting while what they need is fetched, and are made once it is there", async () => {
    const input = gate<void>();
    const begun: string[] = [];
    const make = (job: string) => {
      begun.push(job);
      return Promise.resolve(runOf(job));
    };
    const slowly = (job: string) => (job === "slow" ? input.promise : Promise.resolve());
    const runs = new CourtRuns({ hold, fetch: slowly, make }, ROOM_FOR_TWO);
    const slow = runs.get("slow", STAYS);
    await runs.get("quick", STAYS);
    assert.deepEqual(begun, ["quick"]);
    input.open();
    await slow;
    assert.deepEqual(begun, ["quick", "slow"]);
  });

  it("are held what was fetched for, until they are made", async () => {
    const held = new Set<string>();
    const made = gate<CourtRun>();
    const runs = new CourtRuns(
      {
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
      },
      ROOM_FOR_TWO,
    );
    const both = [runs.get("1", STAYS), runs.get("2", STAYS)];
    await calm();
    assert.deepEqual([...held], ["1", "2"]);
    made.fail(new Error("no graph"));
    await Promise.allSettled(both);
    assert.equal(held.size, 0);
  });

  it("that failed are made again when they are asked for again", async () => {
    let fails = true;
    const make = (job: string) => (fails ? Promise.reject(new Error("no input")) : Promise.resolve(runOf(job)));
    const runs = new CourtRuns({ hold, fetch, make }, ROOM_FOR_TWO);
    await assert.rejects(runs.get("1", STAYS), /no input/);
    fails = false;
    assert.ok(await runs.get("1", STAYS));
  });

  it("that fail before they begin are made again too", async () => {
    let fails = true;
    const make = (job: string) => {
      if (fails) throw new Error("not in the journal");
      return Promise.resolve(runOf(job));
    };
    const runs = new CourtRuns({ hold, fetch, make }, ROOM_FOR_TWO);
    await assert.rejects(runs.get("1", STAYS), /not in the journal/);
    fails = false;
    assert.ok(await runs.get("1", STAYS));
  });

  it("of jobs that are not wanted any more are forgotten, also those that were under way", async () => {
    const { made, maker } = makes();
    const runs = new CourtRuns(maker, ROOM_FOR_TWO);
    await runs.get("1", STAYS);
    const second = runs.get("2", STAYS);
    runs.keepOnly(["1"]);
    await second;
    await runs.get("1", STAYS);
    await runs.get("2", STAYS);
    assert.deepEqual(made, ["1", "2", "2"]);
  });
});

describe("The tracer", () => {
  let clock = 0;
  /** Seconds in a process, on the worker's own thread, and in the one that hashes. */
  let took = { run: 0, own: 0, commit: 0 };
  const tensors = {
    length: 5,
    entries: () => {
      clock += 1000 * took.own;
      return [];
    },
  };
  const model = { commitment: "0x01", tensors, inputNames: ["x"], outputNames: ["y"] } as unknown as CourtModel;
  const running: Pick<TraceSessions, "use"> = {
    use: (_model, act) =>
      act({
        run: () => {
          clock += 1000 * took.run;
          return Promise.resolve(new Map());
        },
        stop: () => undefined,
      }),
  };
  const committer: TracerParts["committer"] = {
    commit: (_outline, _trace, turn = (act) => act()) =>
      turn(() => {
        clock += 1000 * took.commit;
        return Promise.resolve({} as TraceCommitment);
      }),
  };
  const tracing = (atOnce: number, sessions: Pick<TraceSessions, "use">, hashing = committer) => {
    const costs = new TraceCosts(atOnce, 60);
    const parts = {
      models: { isHere: () => Promise.resolve(true), fileOf: () => Promise.resolve(new Uint8Array()) },
      courtModels: { find: () => undefined, read: () => Promise.resolve(model) },
      executor: {
        hold: <T>(_terms: JobTerms, act: () => Promise<T>) => act(),
        input: () => Promise.resolve({ tensors: new Map() } as unknown as BundleFile),
      },
      sessions,
      committer: hashing,
      gate: new Gate(atOnce),
      costs,
      now: () => clock,
      signal: new AbortController().signal,
    };
    return new Tracer(parts);
  };

  it("makes so many runs at once, whoever they are for, and then the most urgent", async () => {
    const begun: (() => void)[] = [];
    const sessions = {
      use: <T>() =>
        new Promise<T>((resolve) =>
          begun.push(() => {
            resolve([] as T);
          }),
        ),
    };
    const tracer = tracing(2, sessions);
    const ended: string[] = [];
    const trace = (name: string, rank: number) =>
      tracer.trace(new Scene().terms(7), "", { rank }).then(() => ended.push(name));
    const all = [trace("a", 1), trace("b", 1), trace("c", 1), trace("urgent", 0)];
    await calm();
    assert.equal(begun.length, 2);
    begun[0]?.();
    await calm();
    begun[2]?.();
    await calm();
    assert.deepEqual(ended, ["a", "urgent"]);
    begun[1]?.();
    await calm();
    begun[3]?.();
    await Promise.all(all);
  });

  const trace = (tracer: Tracer) => tracer.trace(new Scene().terms(7), "");

  it("knows how long its last traces of a model took, and takes the worst for granted before", async () => {
    const tracer = tracing(2, running);
    assert.deepEqual([tracer.costs.secondsOf(1n), tracer.costs.gasOf(1n)], [60, 5_600_000]);
    took = { run: 4, own: 0, commit: 0 };
    await trace(tracer);
    assert.equal(tracer.costs.secondsOf(1n), 2);
    took = { run: 2, own: 0, commit: 0 };
    await trace(tracer);
    assert.equal(tracer.costs.secondsOf(1n), 1.5);
  });

  for (const [what, more] of [
    ["what its own thread computes", { own: 2, commit: 0 }],
    ["hashing", { own: 0, commit: 2 }],
  ] as const) {
    it(`divides runs by how many are made at once, but not ${what}`, async () => {
      const tracer = tracing(8, running);
      took = { run: 4, ...more };
      await trace(tracer);
      assert.equal(tracer.costs.secondsOf(1n), 2);
    });
  }

  it("counts everything where one core does everything", async () => {
    const tracer = tracing(1, running);
    took = { run: 4, own: 1, commit: 2 };
    await trace(tracer);
    assert.equal(tracer.costs.secondsOf(1n), 7);
  });

  it("does not count how long a trace waited to be hashed", async () => {
    const turn = gate<void>();
    const waiting = {
      commit: (...args: Parameters<typeof committer.commit>) => turn.promise.then(() => committer.commit(...args)),
    };
    const tracer = tracing(8, running, waiting);
    took = { run: 4, own: 0, commit: 1 };
    const traced = trace(tracer);
    await calm();
    clock += 60_000;
    turn.open();
    await traced;
    assert.equal(tracer.costs.secondsOf(1n), 1);
  });
});

describe("Posting a trace", () => {
  const gasOf = (tensors: number, inputs: number, outputs: number) => {
    const costs = new TraceCosts(1, 60);
    const names = (count: number) => Array<string>(count).fill("");
    const model = { tensors: names(tensors), inputNames: names(inputs), outputNames: names(outputs) };
    costs.note(1n, model as unknown as CourtModel, { run: 0, serial: 0 });
    return costs.gasOf(1n);
  };

  it("takes more gas for each root, up to that of the longest trace", () => {
    assert.deepEqual([gasOf(0, 1, 1), gasOf(1000, 1, 1), gasOf(3934, 1, 1)], [157_000, 1_557_000, 5_600_000]);
  });

  it("takes as much for 238 inputs or 237 outputs as for the roots in whose place they are", () => {
    assert.deepEqual([gasOf(239, 238, 1), gasOf(238, 1, 237)], [5_600_000, 5_600_000]);
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
        return { wasHere: await isHere(), trace: { tensors: [] } } as unknown as CourtRun;
      }
    }
    const tracer = new OneTracer({ ...({} as TracerParts), executor, signal });
    try {
      const run = await runsOf({ ...scene.context, tracer }).get(scene.id(1), STAYS);
      assert.equal((run as unknown as { wasHere: boolean }).wasHere, true);
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
      const courtModels = { find: () => undefined, read: () => Promise.reject(new Error("not asked for")) };
      const unused = {} as TracerParts;
      const tracer = new Tracer({ ...unused, models, executor, courtModels, signal });
      await tracer.fetch(new Scene().terms(7), "https://input", place);
      assert.deepEqual(away, leaves);
      assert.deepEqual(files, isHere ? [] : [1n]);
    });
  }
});
