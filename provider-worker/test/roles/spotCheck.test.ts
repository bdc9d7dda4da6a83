import assert from "node:assert/strict";
import { afterEach, before, beforeEach, describe, it } from "node:test";

import type { Numeric, Tensor } from "@assay/sdk";
import { commitTrace, fromFloat32Array, JobStatus, ModelProfile, runTrace, toFloat32Array } from "@assay/sdk";

import { RunRank } from "../../src/court/courtRuns.js";
import type { CourtRun } from "../../src/court/courtRuns.js";
import { InferenceError, WorkerError } from "../../src/errors.js";
import { SpotCheck } from "../../src/roles/spotCheck.js";
import { courtRun, OPEN, openRun } from "../support/courtRuns.js";
import { inProcess } from "../support/inProcessRuntime.js";
import { samples } from "../support/models.js";
import { inAnyOrder, ORDERS, outputsOf } from "../support/otherOrder.js";
import { calm, gate, hash, NOW, OPERATOR, PROVIDER, Scene, STAKE_TOKEN, STRANGER } from "../support/scene.js";

const RIGHT = hash(0xaa);
const WRONG = hash(0xbb);

describe("Spot checks", () => {
  let scene: Scene;
  let spotCheck: SpotCheck;
  let integers: CourtRun;
  let zeros: CourtRun;
  before(async () => {
    [integers, zeros] = [await courtRun(0), await openRun()];
  });
  beforeEach(() => {
    scene = new Scene();
    scene.execute = () => RIGHT;
    scene.trace = () => Promise.resolve(integers);
    scene.balances.set(`${STAKE_TOKEN} ${OPERATOR}`, 100n);
    spotCheck = checking(1);
  });
  afterEach(() => {
    scene.journal.close();
  });
  const checking = (sampleRate: number, secret = "secret") =>
    new SpotCheck(scene.context, { sampleRate, concurrency: 4, secret });
  const tick = async (now = NOW) => {
    await spotCheck.tick(now);
    await calm();
  };
  const delivered = (job: number, output: string, provider = STRANGER) => {
    scene.requested(job, { provider });
    scene.submitted(job, output, { provider });
  };

  it("executes a right result once and lets it be", async () => {
    delivered(1, RIGHT);
    await tick();
    await tick();
    assert.deepEqual(scene.executed, ["1"]);
    assert.deepEqual(scene.sent, []);
  });

  it("challenges a wrong result", async () => {
    delivered(1, WRONG);
    await tick();
    const [call] = scene.sent;
    assert.deepEqual([call?.name, call?.purpose, call?.args[1]], ["challenge", `challenge ${scene.id(1)}`, WRONG]);
    assert.equal((await scene.metrics.challenges.get()).values[0]?.value, 1);
  });

  it("challenges it only once, and executes it only once", async () => {
    delivered(1, WRONG);
    scene.outcome = () => {
      scene.status.set("1", JobStatus.Disputed);
      return "mined";
    };
    await tick();
    await tick();
    scene.happened("JobDisputed", 1);
    await tick();
    assert.equal(scene.sent.length, 1);
    assert.deepEqual(scene.executed, ["1"]);
  });

  for (const outcome of ["superseded", "reverted", "refused"] as const) {
    it(`challenges again a result still unchallenged after a transaction that was ${outcome}`, async () => {
      delivered(1, WRONG);
      scene.outcome = () => outcome;
      await tick();
      scene.outcome = () => "mined";
      await tick();
      assert.equal(scene.sent.length, 2);
      assert.deepEqual(scene.executed, ["1"]);
    });
  }

  it("challenges again where a reorganisation took the challenge back", async () => {
    delivered(1, WRONG);
    await tick();
    scene.happened("JobDisputed", 1);
    scene.reorganise(1);
    await tick();
    assert.equal(scene.sent.length, 2);
  });

  it("looks again where a reorganisation brought another result of the job", async () => {
    delivered(1, RIGHT);
    await tick();
    scene.reorganise(1);
    scene.submitted(1, WRONG, { provider: STRANGER });
    await tick();
    assert.equal(scene.sent.length, 1);
  });

  it("tries again after a pause where the request of the job is still to be read", async () => {
    scene.requested(1, { provider: STRANGER });
    const bringBack = scene.takenBack(1);
    scene.submitted(1, WRONG, { provider: STRANGER });
    await tick();
    await tick(NOW + 4);
    assert.equal(scene.warnings.length, 1);
    bringBack();
    await tick(NOW + 5);
    assert.equal(scene.calls("challenge").length, 1);
  });

  for (const end of ["JobDisputed", "JobPaid"]) {
    it(`forgets a result that it could not check once there is ${end}`, async () => {
      delivered(1, WRONG);
      scene.execute = () => Promise.reject(new WorkerError("cannot fetch", true));
      await tick();
      assert.equal(spotCheck.remembered, 1);
      scene.happened(end, 1);
      await tick();
      assert.equal(spotCheck.remembered, 0);
    });
  }

  it("leaves its own provider's results alone, and those whose window is over", async () => {
    delivered(1, WRONG, PROVIDER);
    delivered(2, WRONG);
    await tick(NOW + 101);
    assert.deepEqual(scene.executed, []);
  });

  it("challenges in the last second of the window too", async () => {
    delivered(1, WRONG);
    await tick(NOW + 100);
    assert.equal(scene.sent.length, 1);
  });

  it("sends nothing without a bond, and challenges as soon as there is one", async () => {
    delivered(1, WRONG);
    scene.balances.clear();
    await tick();
    assert.deepEqual(scene.sent, []);
    assert.match(scene.warnings.join(""), /no bond: deposit stake tokens/);
    scene.balances.set(`${STAKE_TOKEN} ${OPERATOR}`, 100n);
    await tick();
    assert.equal(scene.sent.length, 1);
  });

  describe("of a model whose sums may be taken in any order", () => {
    let network: Awaited<ReturnType<typeof inAnyOrder>>;
    let own: Tensor[];
    before(async () => {
      network = await inAnyOrder("breast_cancer_mlp_fp32");
      const x = samples("breast_cancer").x[0] as Tensor;
      own = await runTrace(network.model, new Map([["x", x]]), inProcess);
    });
    beforeEach(() => {
      scene.profile = ModelProfile.Tolerance;
      scene.trace = () => Promise.resolve({ model: network.model, trace: commitTrace(network.model, own) });
      delivered(1, WRONG);
    });
    const elsewhere = (change?: (tensor: Tensor, at: number) => Tensor) =>
      outputsOf(network.model, network.run(own[0] as Tensor, ORDERS[0] as Numeric, change));

    it("lets an honest result be that was computed on another processor", async () => {
      scene.delivered = () => Promise.resolve(elsewhere());
      await tick();
      await tick();
      assert.deepEqual(scene.sent, []);
      assert.equal(scene.traced, 1);
    });

    it("traces it after what the worker answers for itself, each provider's in its turn", async () => {
      await tick();
      assert.deepEqual(
        [...scene.urgencies.values()],
        [{ rank: RunRank.Wrong, group: STRANGER.toLowerCase(), due: NOW + 100 }],
      );
    });

    it("holds the input from its execution to the end of the comparison", async () => {
      const held: unknown[] = [];
      const { trace } = scene;
      scene.trace = (job) => {
        held.push(...scene.held);
        return trace(job);
      };
      scene.delivered = () => Promise.resolve(elsewhere());
      await tick();
      assert.deepEqual([held, scene.held], [[hash(1)], []]);
    });

    it("challenges one that rounding does not explain", async () => {
      const logits = network.model.outputs[0];
      const wrong = (tensor: Tensor, at: number) =>
        at === logits && tensor.dtype === "float32"
          ? fromFloat32Array(
              toFloat32Array(tensor).map((value) => value + 0.01),
              tensor.dims,
            )
          : tensor;
      scene.delivered = () => Promise.resolve(elsewhere(wrong));
      await tick();
      assert.deepEqual(
        scene.sent.map(({ name }) => name),
        ["challenge"],
      );
    });

    it("looks at no output whose bytes are its own", async () => {
      scene.execute = () => WRONG;
      await tick();
      assert.deepEqual(scene.sent, []);
      assert.equal(scene.traced, 0);
    });

    it("challenges nothing whose output is withheld, and asks for it again", async () => {
      scene.delivered = () => Promise.reject(new WorkerError("the store is down", true));
      await tick();
      assert.deepEqual(scene.sent, []);
      scene.delivered = () => Promise.resolve(new Map<string, Tensor>());
      await tick(NOW + 5);
      assert.equal(scene.sent.length, 1);
    });
  });

  describe("of a result that differs in a zero", () => {
    const bytes = { bytes: [3], by: 0x80 };
    const outputs = ({ model, trace }: CourtRun) =>
      outputsOf(
        model,
        trace.tensors.map(({ tensor }) => tensor),
      );
    beforeEach(() => {
      scene.profile = ModelProfile.Canonical;
      scene.trace = () => Promise.resolve(zeros);
      delivered(1, WRONG);
    });

    it("let it be where a Relu of -0 may give either", async () => {
      const turned = await openRun({ tensor: OPEN.relu, ...bytes }, { tensor: OPEN.doubled, ...bytes });
      scene.delivered = () => Promise.resolve(outputs(turned));
      await tick();
      await tick();
      assert.deepEqual([scene.sent, scene.traced], [[], 1]);
    });

    it("challenge it where any other number differs too", async () => {
      const turned = await openRun({ tensor: OPEN.doubled, ...bytes }, { tensor: OPEN.sum, bytes: [4] });
      scene.delivered = () => Promise.resolve(outputs(turned));
      await tick();
      assert.deepEqual(
        scene.sent.map(({ name }) => name),
        ["challenge"],
      );
    });

    it("cannot tell while it is withheld: they ask until the window ends, say so, and challenge nothing", async () => {
      for (const now of [NOW, NOW + 5, NOW + 50]) await tick(now);
      assert.equal(scene.asked, 3);
      await tick(NOW + 101);
      await tick(NOW + 102);
      assert.deepEqual(scene.sent, []);
      assert.equal(scene.warnings.filter((line) => line.includes("its challenge window is over")).length, 1);
    });
  });

  it("challenges nothing on the ground that it could not be checked", async () => {
    delivered(1, WRONG);
    scene.execute = () => Promise.reject(new InferenceError("rejected", "no such input"));
    await tick();
    await tick();
    assert.deepEqual(scene.executed, ["1"]);
    assert.deepEqual(scene.sent, []);
  });

  for (const reason of ["crash", "memory", "timeout"] as const) {
    it(`is not over because a run ended once by ${reason}`, async () => {
      delivered(1, WRONG);
      scene.execute = () => Promise.reject(new InferenceError(reason, "of the moment"));
      await tick();
      assert.doesNotMatch(scene.warnings.join(""), /cannot audit/);
      scene.execute = () => RIGHT;
      await tick(NOW + 5);
      assert.equal(scene.calls("challenge").length, 1);
    });
  }

  it("challenges although somebody killed its own run time and again", async () => {
    scene.requested(1, { provider: STRANGER });
    scene.submitted(1, WRONG, { provider: STRANGER, until: NOW + 100_000 });
    scene.execute = () => Promise.reject(new InferenceError("crash", "the process ended with SIGSEGV"));
    for (let look = 0; look < 20; look++) await tick(NOW + 400 * look);
    assert.equal(scene.executed.length, 20);
    assert.deepEqual(scene.sent, []);
    scene.execute = () => RIGHT;
    await tick(NOW + 400 * 20);
    assert.equal(scene.calls("challenge").length, 1);
  });

  it("tries again while the input may still come", async () => {
    delivered(1, WRONG);
    scene.execute = () => Promise.reject(new WorkerError("cannot fetch", true));
    await tick();
    assert.deepEqual(scene.sent, []);
    scene.execute = () => RIGHT;
    await tick(NOW + 4);
    assert.deepEqual(scene.executed, ["1"]);
    await tick(NOW + 5);
    assert.deepEqual(scene.executed, ["1", "1"]);
  });

  it("ends with the window, however long the model takes, and takes up the next job", async () => {
    scene.execute = (job) => (Number(job) <= 4 ? new Promise(() => undefined) : RIGHT);
    for (let job = 1; job <= 4; job++) delivered(job, WRONG);
    await tick(NOW + 100);
    assert.ok(scene.signals.every(({ aborted }) => !aborted));
    scene.requested(5, { provider: STRANGER });
    scene.submitted(5, WRONG, { provider: STRANGER, until: NOW + 500 });
    await tick(NOW + 101);
    assert.ok(scene.signals.slice(0, 4).every(({ aborted }) => aborted));
    assert.deepEqual(scene.executed, ["1", "2", "3", "4", "5"]);
    assert.match(scene.warnings.join(""), /its last second was .*cannot audit/);
    assert.equal(scene.sent.length, 1);
  });

  it("does not take its own shutdown for a job that cannot be executed", async () => {
    delivered(1, WRONG);
    const output = gate<string>();
    scene.execute = () => output.promise;
    await tick();
    scene.stop.abort();
    output.fail(new InferenceError("crash", "the inference child ended with SIGKILL"));
    await calm();

    scene.stop = new AbortController();
    scene.execute = () => RIGHT;
    spotCheck = checking(1);
    await tick();
    assert.deepEqual(scene.executed, ["1", "1"]);
  });

  describe("by sample", () => {
    const JOBS = 500;
    const drawn = async (sampleRate: number, secret?: string) => {
      scene.executed.length = 0;
      await checking(sampleRate, secret).tick(NOW);
      await calm();
      return [...scene.executed];
    };
    beforeEach(() => {
      for (let job = 1; job <= JOBS; job++) delivered(job, RIGHT);
      // Nothing is noted, so that each audit draws from all.
      scene.journal.setNote = () => undefined;
    });

    it("draws none at 0 and all at 1", async () => {
      assert.deepEqual(await drawn(0), []);
      assert.equal((await drawn(1)).length, JOBS);
    });

    it("draws about the share it is told, the same jobs each time, and others with another secret", async () => {
      const sample = await drawn(0.1);
      // Not chance: the secret is always the same.
      assert.ok(sample.length > 25 && sample.length < 75, `${sample.length}`);
      assert.deepEqual(await drawn(0.1), sample);
      assert.notDeepEqual(await drawn(0.1, "another secret"), sample);
    });
  });
});
