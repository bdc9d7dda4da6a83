import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { JobStatus, TensorError } from "@assay/sdk";

import { Rank } from "../../src/chain/submitter.js";
import { StoreFullError } from "../../src/content/shelf.js";
import { JudgeError } from "../../src/court/judge.js";
import { ContentError, InferenceError, JournalError, WorkerError } from "../../src/errors.js";
import { Line } from "../../src/jobs/line.js";
import { Serve } from "../../src/roles/serve.js";
import { calm, gate, hash, NOW, PROVIDER, Scene, STRANGER } from "../support/scene.js";

describe("Serving", () => {
  let scene: Scene;
  let serve: Serve;
  beforeEach(() => {
    scene = new Scene();
    serve = new Serve(scene.context, 2);
  });
  afterEach(() => {
    scene.journal.close();
  });
  const tick = async (now = NOW) => {
    await serve.tick(now);
    await calm();
  };
  const count = async (outcome: string) =>
    (await scene.metrics.jobs.get()).values.find(({ labels }) => labels.outcome === outcome)?.value ?? 0;

  it("delivers what executing the job gave", async () => {
    scene.requested(7);
    await tick();
    const [call] = scene.sent;
    assert.equal(call?.name, "submit");
    assert.equal(call?.purpose, `submit ${scene.id(7)}`);
    assert.equal(call?.args[1], hash(0xf00d + 7));
    assert.equal(await count("delivered"), 1);
  });

  it("leaves other providers' jobs alone", async () => {
    scene.requested(7, { provider: STRANGER });
    await tick();
    assert.deepEqual([scene.executed, scene.sent], [[], []]);
  });

  it("is done with a job once its delivery is on chain", async () => {
    scene.requested(7);
    scene.submitted(7, hash(1));
    await tick();
    assert.deepEqual(scene.executed, []);
  });

  for (const [why, error] of [
    ["the worker says cannot be done", new WorkerError("the input is not what the job says")],
    ["is not where the client says", new ContentError("https://input answered 404")],
    ["the model refuses", new InferenceError("rejected", "invalid dimensions")],
    ["kills the inference process", new InferenceError("crash", "the inference child ended with SIGSEGV")],
    ["takes too long", new InferenceError("timeout", "run took more than 1 ms")],
    ["could never lie in the store", new StoreFullError(50_000, 40_000, "limits.storeBytes")],
    ["is no bundle of tensors", new TensorError("BAD_FILE", "the header is no JSON")],
  ] as const) {
    it(`declines a job whose input ${why}, once`, async () => {
      scene.requested(7);
      scene.execute = () => Promise.reject(error);
      await tick();
      assert.deepEqual(
        scene.sent.map(({ name }) => name),
        ["decline"],
      );
      assert.equal(await count("declined"), 1);
      scene.status.set("7", JobStatus.None);
      await tick();
      assert.equal(scene.sent.length, 1);
    });
  }

  for (const [why, error] of [
    ["might be there later", new WorkerError("cannot fetch", true)],
    ["has no room in the store yet", new StoreFullError(30_000, 40_000, "limits.storeBytes")],
    ["fails for a reason unknown", new Error("socket hang up")],
  ] as const) {
    it(`tries a job again whose input ${why}, after a pause each time`, async () => {
      scene.requested(7);
      scene.execute = () => Promise.reject(error);
      await tick();
      await tick(NOW + 4);
      assert.deepEqual(scene.executed, ["7"]);
      await tick(NOW + 5);
      await tick(NOW + 14);
      assert.deepEqual(scene.executed, ["7", "7"]);
      assert.deepEqual(scene.sent, []);
      scene.execute = () => hash(9);
      await tick(NOW + 15);
      assert.equal(scene.calls("submit").length, 1);
    });
  }

  it("tries a job again no sooner than its model may be compared again", async () => {
    scene.requested(7, { executionDeadline: BigInt(NOW + 2000) });
    scene.execute = () => Promise.reject(new JudgeError("left alone", 600));
    await tick();
    await tick(NOW + 599);
    assert.deepEqual([scene.executed, scene.sent], [["7"], []]);
    scene.execute = () => hash(9);
    await tick(NOW + 600);
    assert.equal(scene.calls("submit").length, 1);
  });

  it("declines a job whose model is not compared again before its deadline", async () => {
    scene.requested(7);
    scene.execute = () => Promise.reject(new JudgeError("left alone", 501));
    await tick();
    assert.deepEqual([scene.executed, scene.calls("decline").length], [["7"], 1]);
  });

  it("never sends two different results for one job, whatever executing it gives the second time", async () => {
    scene.requested(7);
    scene.outcome = () => "reverted";
    await tick();
    scene.execute = () => hash(2);
    await tick();
    serve = new Serve(scene.context, 2);
    await tick();
    assert.deepEqual(
      scene.calls("submit").map(({ args }) => args[1]),
      [hash(0xf00d + 7), hash(0xf00d + 7), hash(0xf00d + 7)],
    );
    assert.deepEqual(scene.executed, ["7"]);
  });

  it("sends the same result again after a reorganisation that took its delivery back", async () => {
    scene.requested(7);
    await tick();
    scene.submitted(7, hash(0xf00d + 7));
    scene.reorganise(2);
    scene.requested(7);
    await tick();
    assert.deepEqual(scene.executed, ["7"]);
    assert.equal(scene.calls("submit").length, 2);
  });

  it("never sends one job's result for the job that a reorganisation put in its place", async () => {
    scene.requested(7);
    scene.outcome = () => "superseded";
    await tick();
    scene.reorganise(1);
    scene.requested(7, { inputCommitment: hash(0xbad) });
    scene.execute = () => hash(8);
    await tick();
    assert.equal(scene.calls("submit").at(-1)?.args[1], hash(8));
  });

  for (const status of [JobStatus.None, JobStatus.Expired, JobStatus.Submitted]) {
    it(`executes nothing for a job of status ${status}`, async () => {
      scene.requested(7);
      scene.status.set("7", status);
      await tick();
      assert.deepEqual([scene.executed, scene.sent], [[], []]);
    });
  }

  it("does not send where the job ended while it was executed", async () => {
    scene.requested(7);
    scene.execute = () => {
      scene.status.set("7", JobStatus.Expired);
      return hash(1);
    };
    await tick();
    assert.deepEqual(scene.executed, ["7"]);
    assert.deepEqual(scene.sent, []);
    assert.equal(await count("delivered"), 0);
  });

  it("is not held up by old jobs that expired and that nobody refunded", async () => {
    for (const job of [1, 2, 3]) {
      scene.requested(job, { executionDeadline: BigInt(NOW - 1) });
      scene.status.set(String(job), JobStatus.Expired);
    }
    scene.requested(4);
    await tick();
    assert.deepEqual(scene.executed, ["4"]);
  });

  it("gives a job up at its deadline, however long the model takes", async () => {
    scene.execute = (job) => (job === "9" ? hash(9) : new Promise(() => undefined));
    for (const job of [7, 8]) scene.requested(job);
    scene.requested(9, { executionDeadline: BigInt(NOW + 600) });
    await tick(NOW + 500);
    assert.deepEqual([scene.executed, scene.signals[0]?.aborted], [["7", "8"], false]);
    for (const job of ["7", "8"]) scene.status.set(job, JobStatus.Expired);
    await tick(NOW + 501);
    assert.equal(scene.signals[0]?.aborted, true);
    assert.deepEqual(
      scene.sent.map(({ purpose }) => purpose),
      [`submit ${scene.id(9)}`],
    );
  });

  it("still delivers in the last second", async () => {
    scene.requested(7, { executionDeadline: BigInt(NOW) });
    await tick();
    assert.equal(scene.calls("submit").length, 1);
  });

  it("is not held up by jobs whose inputs never come", async () => {
    scene.execute = (job) => (Number(job) < 4 ? Promise.reject(new WorkerError("cannot fetch", true)) : hash(1));
    for (const job of [1, 2, 3, 4]) scene.requested(job);
    await tick();
    assert.deepEqual(scene.executed, ["1", "2", "3", "4"]);
    assert.equal(scene.calls("submit").length, 1);
  });

  it("lets no delivery go before what saves a stake, however soon it is due and however many there are", async () => {
    scene.requested(7, { executionDeadline: BigInt(NOW + 60) });
    await tick();
    const line = new Line<string>();
    line.tick(NOW);
    line.put("job", "job", scene.calls("submit")[0]?.urgency);
    line.put("trace", "trace", { rank: Rank.First, due: NOW + 3600 });
    line.put("answer", "answer", { rank: Rank.InTime, due: NOW + 600 });
    assert.deepEqual([line.next(), line.next(), line.next()], ["answer", "trace", "job"]);
  });

  it("delivers other clients' jobs while the inputs of one drip in", async () => {
    const drip = gate<string>();
    scene.execute = (job, place) => (job === "9" ? hash(9) : place.leaveFor("slow client", () => drip.promise));
    for (let job = 1; job <= 9; job++) scene.requested(job);
    await tick();
    assert.deepEqual(
      scene.calls("submit").map(({ purpose }) => purpose),
      [`submit ${scene.id(9)}`],
    );
    drip.fail(new WorkerError("no answer within 30000 ms", true));
    await calm();
    assert.equal(scene.sent.length, 1);
  });

  it("pays for no transaction where a job that cannot be done locks no stake", async () => {
    scene.requested(7, { stake: 0n });
    scene.execute = () => Promise.reject(new ContentError("https://input answered 404"));
    await tick();
    await tick();
    serve = new Serve(scene.context, 2);
    await tick();
    assert.deepEqual(scene.sent, []);
    assert.deepEqual(scene.executed, ["7"]);
    assert.match(scene.warnings.join(""), /letting it expire/);
  });

  it("executes no more jobs at a time than it is told to", async () => {
    const output = gate<string>();
    scene.execute = () => output.promise;
    for (const job of [1, 2, 3]) scene.requested(job);
    await tick();
    await tick();
    assert.deepEqual(scene.executed, ["1", "2"]);
    output.open(hash(1));
    await calm();
    assert.deepEqual(scene.executed, ["1", "2", "3"]);
  });

  it("finalises jobs along with a delivery, those that are due and no others", async () => {
    for (const job of [1, 2]) scene.requested(job);
    scene.submitted(1, hash(11), { until: NOW - 1 });
    scene.submitted(2, hash(22), { until: NOW });
    scene.requested(3);
    await tick();
    const [call] = scene.calls("submitAndFinaliseDue");
    const due = call?.args[3] as bigint[][];
    assert.deepEqual(
      due.map(([nonce]) => nonce),
      [1n],
    );
  });

  it("delivers although a job requested before the worker's first block is due", async () => {
    scene.submitted(1, hash(11), { until: NOW - 1 });
    scene.requested(3);
    await tick();
    assert.equal(scene.calls("submit").length, 1);
  });

  it("does not decline because its journal failed", async () => {
    scene.requested(7);
    scene.journal.bindResult = () => {
      throw new JournalError("journal.sqlite is damaged");
    };
    await tick();
    assert.deepEqual(scene.sent, []);
    assert.match(scene.warnings.join(""), /job not delivered yet/);
  });

  it("does not decline because the worker was stopped in the middle", async () => {
    const output = gate<string>();
    scene.execute = () => output.promise;
    scene.requested(7);
    await tick();
    scene.stop.abort();
    output.fail(new InferenceError("crash", "the inference child ended with SIGKILL"));
    await calm();
    assert.deepEqual(scene.sent, []);
  });

  describe("before the first job", () => {
    const offered = (modelId: number, provider = PROVIDER) => {
      scene.happened("OfferSet", modelId, { provider, modelId: String(modelId) });
    };

    it("makes the models it offers ready, each once, and again after a restart", async () => {
      offered(1);
      offered(2, STRANGER);
      offered(3);
      await tick();
      await tick();
      assert.deepEqual(scene.prepared, ["1", "3"]);
      serve = new Serve(scene.context, 2);
      await tick();
      assert.deepEqual(scene.prepared, ["1", "3", "1", "3"]);
    });

    it("looks again where its offer is set anew", async () => {
      offered(1);
      await tick();
      offered(1);
      await tick();
      assert.deepEqual(scene.prepared, ["1", "1"]);
    });

    it("leaves a model alone whose offer was taken back", async () => {
      scene.offers = 0n;
      offered(1);
      await tick();
      assert.deepEqual(scene.prepared, []);
    });

    it("says once that a model must not be served", async () => {
      scene.prepare = () => Promise.reject(new WorkerError("model 1 is registered with another graph"));
      offered(1);
      await tick();
      await tick();
      assert.deepEqual(scene.prepared, ["1"]);
      assert.match(scene.warnings.join(""), /registered with another graph.*remove the offer/);
    });

    it("tries again where the file cannot be fetched yet, after a pause each time", async () => {
      scene.prepare = () => Promise.reject(new WorkerError("cannot fetch", true));
      offered(1);
      for (let second = 0; second <= 20; second++) await tick(NOW + second);
      assert.deepEqual([scene.prepared.length, scene.warnings.length], [3, 3]);
      scene.prepare = () => Promise.resolve();
      await tick(NOW + 35);
      await tick(NOW + 1000);
      assert.equal(scene.prepared.length, 4);
    });

    it("delivers jobs of other models while one is slow to load", async () => {
      scene.prepare = () => new Promise(() => undefined);
      for (const model of [1, 2, 3]) offered(model);
      scene.requested(7);
      await tick();
      assert.equal(scene.calls("submit").length, 1);
    });
  });
});
