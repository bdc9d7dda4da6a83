import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";

import { TaskPool } from "../../src/roles/role.js";
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
});
