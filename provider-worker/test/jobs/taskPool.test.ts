import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";

import { TaskPool } from "../../src/jobs/taskPool.js";
import { calm, gate } from "../support/scene.js";

describe("The task pool", () => {
  let errors: string[];
  let stop: AbortController;
  let pool: TaskPool;
  beforeEach(() => {
    errors = [];
    stop = new AbortController();
    pool = new TaskPool(2, stop.signal, (key, error) => errors.push(`${key}: ${(error as Error).message}`));
  });

  /** A task that runs until it is ended. */
  function task(key: string, started: string[]) {
    const end = gate<void>();
    const start = () => {
      pool.start(key, () => {
        started.push(key);
        return end.promise;
      });
    };
    return { start, ...end };
  }

  it("runs no more than its limit, and the rest in the order they came", async () => {
    const started: string[] = [];
    const [a, b, c, d] = ["a", "b", "c", "d"].map((key) => task(key, started));
    for (const each of [a, b, c, d]) each?.start();
    assert.deepEqual(started, ["a", "b"]);
    assert.equal(pool.size, 2);
    b?.open();
    await calm();
    assert.deepEqual(started, ["a", "b", "c"]);
    a?.open();
    c?.open();
    d?.open();
    await calm();
    assert.deepEqual(started, ["a", "b", "c", "d"]);
    assert.equal(pool.size, 0);
  });

  it("runs one task of a key at a time, and of those that wait the newest", async () => {
    const started: string[] = [];
    const a = task("a", started);
    a.start();
    a.start();
    const b = task("b", started);
    b.start();
    pool.start("c", () => Promise.reject(new Error("the older one")));
    pool.start("c", () => Promise.reject(new Error("the newer one")));
    a.open();
    await calm();
    assert.deepEqual(started, ["a", "b"]);
    assert.deepEqual(errors, ["c: the newer one"]);
    b.open();
  });

  it("lets every task have its turn, although the first ones never succeed and are asked for again and again", async () => {
    const started: string[] = [];
    for (let round = 0; round < 3; round++) {
      for (const key of ["a", "b", "c", "d", "e"]) {
        pool.start(key, () => {
          started.push(key);
          return Promise.reject(new Error("not yet"));
        });
      }
      await calm();
    }
    for (const key of ["a", "b", "c", "d", "e"]) assert.equal(started.filter((each) => each === key).length, 3);
  });

  it("reports what failed, and takes the key again", async () => {
    pool.start("a", () => Promise.reject(new Error("no")));
    await calm();
    assert.deepEqual(errors, ["a: no"]);
    assert.equal(pool.size, 0);
  });

  it("starts nothing more once the worker stops", async () => {
    const started: string[] = [];
    const tasks = ["a", "b", "c"].map((key) => task(key, started));
    for (const each of tasks) each.start();
    stop.abort();
    for (const each of tasks) each.open();
    await calm();
    assert.deepEqual(started, ["a", "b"]);
  });

  describe("with tasks that wait for somebody else's machine", () => {
    /** Starts a task that waits for `group` until `end` opens. */
    function waits(key: string, group: string, events: string[]) {
      const end = gate<void>();
      pool.start(key, async (place) => {
        await place.leaveFor(group, () => {
          events.push(`${key} waits`);
          return end.promise;
        });
        events.push(`${key} goes on`);
      });
      return end;
    }

    it("gives their places to others, and gives them one again afterwards", async () => {
      const events: string[] = [];
      const slow = ["a", "b"].map((key, i) => waits(key, `client ${i}`, events));
      await calm();
      const [c, d] = ["c", "d"].map((key) => task(key, events));
      c?.start();
      d?.start();
      await calm();
      assert.deepEqual(events, ["a waits", "b waits", "c", "d"]);
      for (const each of slow) each.open();
      await calm();
      assert.equal(events.length, 4);
      c?.open();
      d?.open();
      await calm();
      assert.deepEqual(events.slice(4), ["a goes on", "b goes on"]);
      assert.equal(pool.size, 0);
    });

    it("waits for no more than two machines of one client at once", async () => {
      const events: string[] = [];
      const slow = Array.from({ length: 30 }, (_, i) => waits(`slow ${i}`, "slow client", events));
      const other = waits("other", "another client", events);
      await calm();
      assert.deepEqual(events, ["slow 0 waits", "slow 1 waits", "other waits"]);
      other.open();
      await calm();
      assert.equal(events.at(-1), "other goes on");
      for (const each of slow) each.open();
      await calm();
      for (let i = 0; i < 30; i++) await calm();
      assert.equal(pool.size, 0);
    });

    it("waits for no more than eight machines at once", async () => {
      const events: string[] = [];
      const slow = Array.from({ length: 10 }, (_, i) => waits(`${i}`, `client ${i}`, events));
      await calm();
      assert.equal(events.length, 8);
      slow[0]?.open();
      await calm();
      assert.deepEqual(events.slice(8).sort(), ["0 goes on", "8 waits"]);
      for (const each of slow) each.open();
    });

    it("has its places right where a task gives up waiting", async () => {
      const events: string[] = [];
      const far = gate<void>();
      for (const key of ["a", "b"]) {
        pool.start(key, (place) => {
          void place.leaveFor("client", () => far.promise);
          return Promise.reject(new Error("too late"));
        });
      }
      await calm();
      assert.equal(pool.size, 0);
      const tasks = ["c", "d", "e"].map((key) => task(key, events));
      for (const each of tasks) each.start();
      assert.deepEqual(events, ["c", "d"]);
      far.open();
      await calm();
      tasks[0]?.open();
      await calm();
      assert.deepEqual(events, ["c", "d", "e"]);
    });

    it("has its places right where a task gave up and still goes on", async () => {
      const events: string[] = [];
      const far = gate<void>();
      for (const key of ["a", "b"]) {
        pool.start(key, (place) => {
          void far.promise.then(() => place.leaveFor("client", () => Promise.resolve()));
          return Promise.reject(new Error("too late"));
        });
      }
      await calm();
      far.open();
      await calm();
      for (const key of ["c", "d", "e"]) task(key, events).start();
      assert.deepEqual(events, ["c", "d"]);
    });

    it("reports what came of it, and takes the key again", async () => {
      waits("a", "client", []).fail(new Error("too slow"));
      await calm();
      assert.deepEqual(errors, ["a: too slow"]);
      assert.equal(pool.size, 0);
    });
  });
});
