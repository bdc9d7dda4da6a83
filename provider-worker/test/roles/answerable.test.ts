import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { ModelProfile } from "@assay/sdk";

import { Rank } from "../../src/chain/submitter.js";
import { InferenceError, WorkerError } from "../../src/errors.js";
import { Line } from "../../src/jobs/line.js";
import { Serve } from "../../src/roles/serve.js";
import { address, calm, hash, NOW, Scene, STRANGER } from "../support/scene.js";

/** With a minute for each trace and 0.2 s to send it, half of a reply period of an hour is enough for so many. */
const ROOM = 29;

describe("A provider whose results may all be challenged at once", () => {
  let scene: Scene;
  let serve: Serve;
  beforeEach(() => {
    scene = new Scene();
    scene.traceSeconds = 60;
    serve = new Serve(scene.context, 100);
  });
  afterEach(() => {
    scene.journal.close();
  });
  const tick = async (now = NOW) => {
    await serve.tick(now);
    await calm();
  };
  const names = () => scene.sent.map(({ name }) => name);
  const delivered = (count: number, until = NOW + 5000) => {
    for (let job = 1; job <= count; job++) {
      scene.requested(job);
      scene.submitted(job, hash(job), { until });
    }
  };

  it("delivers as many as it could trace in half of a reply period, and lets the others wait", async () => {
    for (let job = 1; job <= 50; job++) scene.requested(job);
    await tick();
    assert.equal(scene.executed.length, ROOM);
    await tick();
    assert.equal(scene.executed.length, ROOM);
    assert.equal(scene.warnings.filter((line) => line.includes("jobs wait")).length, 1);
  });

  it("counts what was delivered before, also after a restart", async () => {
    delivered(ROOM - 1);
    scene.requested(60);
    scene.requested(61);
    await tick();
    assert.deepEqual(scene.executed, ["60"]);
  });

  it("counts what was bound before a restart and is not delivered yet, however often it starts anew", async () => {
    scene.outcome = () => new Promise(() => undefined);
    for (let run = 0; run < 3; run++) {
      serve = new Serve(scene.context, 1000);
      for (let job = 1; job <= 50; job++) scene.requested(job + 50 * run);
      await tick();
      await tick(NOW + 1);
    }
    assert.equal(scene.executed.length, ROOM);
  });

  it("counts what may have been challenged in its last second until that second has been read", async () => {
    delivered(ROOM, NOW + 10);
    scene.requested(60);
    scene.readUntil = NOW + 10;
    await tick(NOW + 34);
    assert.deepEqual(scene.executed, []);
    scene.readUntil = NOW + 11;
    await tick(NOW + 35);
    assert.deepEqual(scene.executed, ["60"]);
  });

  it("counts what may have been delivered in its last second until that second has been read", async () => {
    for (let job = 1; job <= ROOM; job++) scene.requested(job, { executionDeadline: BigInt(NOW + 10) });
    await tick();
    scene.requested(60);
    scene.readUntil = NOW + 10;
    await tick(NOW + 34);
    assert.equal(scene.executed.length, ROOM);
    scene.readUntil = NOW + 11;
    await tick(NOW + 35);
    assert.equal(scene.executed.at(-1), "60");
  });

  it("goes on once windows end", async () => {
    delivered(ROOM, NOW + 10);
    scene.requested(60);
    await tick();
    assert.deepEqual(scene.executed, []);
    await tick(NOW + 11);
    assert.deepEqual(scene.executed, ["60"]);
  });

  it("still counts what is in a case after its window", async () => {
    delivered(ROOM, NOW + 10);
    scene.happened("JobDisputed", 1);
    scene.requested(60);
    scene.requested(61);
    for (let job = 2; job <= 3; job++) scene.happened("JobDisputed", job);
    await tick(NOW + 11);
    assert.deepEqual(scene.executed, ["60", "61"]);
    for (let job = 4; job <= ROOM; job++) scene.happened("JobDisputed", job);
    scene.requested(62);
    await tick(NOW + 12);
    assert.deepEqual(scene.executed, ["60", "61"]);
  });

  it("declines what still waits a minute before its deadline, which frees the stake and refunds the client", async () => {
    delivered(ROOM);
    scene.requested(60, { executionDeadline: BigInt(NOW + 100) });
    await tick();
    assert.deepEqual(names(), []);
    await tick(NOW + 40);
    assert.deepEqual([names(), scene.executed], [["decline"], []]);
  });

  it("declines all of them at once, while others are executed and nothing is mined yet", async () => {
    serve = new Serve(scene.context, 2);
    scene.execute = () => new Promise(() => undefined);
    scene.outcome = () => new Promise(() => undefined);
    delivered(ROOM - 2);
    for (let job = 60; job < 80; job++) scene.requested(job, { executionDeadline: BigInt(NOW + 160 - job) });
    await tick();
    await tick(NOW + 40);
    assert.deepEqual(scene.executed, ["60", "61"]);
    const declined = scene.calls("decline").map(({ purpose }) => purpose);
    const wanted = Array.from({ length: 18 }, (_, i) => `decline ${scene.id(62 + i)}`);
    assert.deepEqual(declined, wanted);
  });

  it("lets no decline go before a trace, however many there are", async () => {
    delivered(ROOM);
    scene.requested(60, { executionDeadline: BigInt(NOW + 60) });
    await tick();
    const [decline] = scene.calls("decline");
    const trace = { rank: Rank.First, due: NOW + 3600 };
    const line = new Line<string>();
    line.tick(NOW);
    for (let i = 0; i < 80; i++) line.put(`decline ${i}`, "decline", decline?.urgency);
    line.put("trace", "trace", trace);
    assert.equal(line.next(), "trace");
    assert.equal(line.next(), "decline");
  });

  it("does not execute what it is about to decline, though room comes meanwhile", async () => {
    scene.outcome = () => new Promise(() => undefined);
    delivered(ROOM, NOW + 45);
    scene.requested(60, { executionDeadline: BigInt(NOW + 100) });
    await tick(NOW + 40);
    await tick(NOW + 46);
    assert.deepEqual([names(), scene.executed], [["decline"], []]);
  });

  it("warns once while jobs are held, whatever else is executed meanwhile", async () => {
    scene.execute = () => new Promise(() => undefined);
    for (let job = 1; job <= 50; job++) scene.requested(job);
    for (let i = 0; i < 3; i++) await tick(NOW + i);
    assert.equal(scene.warnings.filter((line) => line.includes("jobs wait")).length, 1);
  });

  it("takes fewer where a block holds few traces", async () => {
    scene.traceSeconds = 0.1;
    scene.traceGas = 5_600_000;
    serve = new Serve(scene.context, 1000);
    for (let job = 1; job <= 800; job++) scene.requested(job);
    await tick();
    // 30 million gas in a block of 12 seconds hold one in 2.24 s.
    assert.equal(scene.executed.length, Math.floor(1800 / 2.34));
  });

  it("does not count jobs that no proof court judges", async () => {
    scene.profile = ModelProfile.Jury;
    for (let job = 1; job <= 50; job++) scene.requested(job);
    await tick();
    assert.equal(scene.executed.length, 50);
  });

  it("does not count jobs without stake, delivered or not", async () => {
    for (let job = 1; job <= 50; job++) {
      scene.requested(job, { stake: 0n });
      scene.submitted(job, hash(job), { until: NOW + 5000 });
    }
    for (let job = 51; job <= 150; job++) scene.requested(job, { stake: job <= 100 ? 0n : 5n });
    await tick();
    assert.equal(scene.executed.length, 50 + ROOM);
  });

  it("does not count jobs whose deadline is over, though nobody expired them yet", async () => {
    scene.execute = () => Promise.reject(new WorkerError("cannot fetch", true));
    for (let job = 1; job <= ROOM; job++) scene.requested(job, { executionDeadline: BigInt(NOW + 10) });
    await tick();
    scene.requested(60);
    await tick(NOW + 11);
    assert.equal(scene.executed.at(-1), "60");
  });

  it("goes by the number in its settings, if there is one", async () => {
    serve = new Serve(scene.context, 100, 3);
    for (let job = 1; job <= 50; job++) scene.requested(job);
    await tick();
    assert.equal(scene.executed.length, 3);
  });

  it("sends what it has run before, whatever else is open", async () => {
    delivered(ROOM);
    scene.requested(60);
    scene.journal.bindResult(scene.id(60), hash(7));
    await tick();
    assert.deepEqual(names(), ["submit"]);
  });

  it("writes down what each result costs and in which tokens it offers the model, also where no sample can be traced", async () => {
    const { provider } = scene.context;
    for (const [of, token] of [
      [provider, address(1)],
      [STRANGER, address(2)],
      [provider, address(3)],
      [provider, address(1)],
    ] as const)
      scene.happened("OfferSet", 1, { provider: of, token });
    scene.measure = () => Promise.reject(new Error("no such input"));
    await tick();
    assert.deepEqual([...scene.noted], [["1", { seconds: 60.2, tokens: [address(1), address(3)] }]]);
  });

  for (const reason of ["crash", "memory", "timeout"] as const) {
    it(`takes no job that it could not answer for while tracing a sample fails by ${reason}, and tries that again`, async () => {
      scene.measure = () => Promise.reject(new InferenceError(reason, "run took too much"));
      scene.happened("OfferSet", 1, { provider: scene.context.provider });
      await tick();
      assert.match(scene.warnings.join(""), /run took too much.*model not ready yet/);
      scene.requested(7);
      scene.requested(8, { stake: 0n });
      await tick();
      assert.deepEqual(scene.executed, ["8"]);
      scene.measure = () => Promise.resolve();
      await tick(NOW + 5);
      await tick(NOW + 6);
      assert.deepEqual(
        [scene.executed, scene.measured],
        [
          ["8", "7"],
          ["1", "1"],
        ],
      );
    });
  }

  it("traces a sample of each model it makes ready, and says so where that fails", async () => {
    scene.measure = () => Promise.reject(new Error("no such input"));
    scene.happened("OfferSet", 1, { provider: scene.context.provider });
    await tick();
    assert.deepEqual([scene.prepared, scene.measured], [["1"], ["1"]]);
    assert.match(scene.warnings.join(""), /no sample traced/);
    await tick();
    assert.deepEqual(scene.measured, ["1"]);
  });
});
