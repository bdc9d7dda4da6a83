import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import type { Part, TensorCommitment } from "@assay/sdk";
import { answerDemand, ContractRevertError, GasLimitError, Ruling, TensorError, toHex } from "@assay/sdk";
import { AbiCoder, keccak256, toBeHex } from "ethers";

import type { CourtRun } from "../../src/court/courtRuns.js";
import { JudgeError } from "../../src/court/judge.js";
import { ContentError, InferenceError } from "../../src/errors.js";
import type { Outcome } from "../../src/chain/submitter.js";
import { Prosecute } from "../../src/roles/prosecute.js";
import { courtRun, longRun, OPEN, openRun, productRun, rootsOf } from "../support/courtRuns.js";
import { outputsOf } from "../support/otherOrder.js";
import { calm, gate, hash, NOW, OPERATOR, PROVIDER, Scene, STAKE_TOKEN, STRANGER } from "../support/scene.js";

/** Its output has 64 leaves of 16 bytes: one for each pixel. */
const CONVOLUTION = 2;
const CHILDREN: Part = { tensor: CONVOLUTION, level: 1, index: 0 };
/** Element 9 in row-major order is pixel 9 of channel 0, the first byte of leaf 9. */
const ELEMENT = 9;
const LEAF: Part = { tensor: CONVOLUTION, level: 0, index: ELEMENT };
const WRONG = hash(0xbad);

/** Of a sum whose state is only how far it is. */
function sumHash(next: bigint): string {
  const words = AbiCoder.defaultAbiCoder().encode(["tuple(uint256, bytes)"], [[next, toBeHex(next, 32)]]);
  return keccak256(words);
}

describe("Prosecuting", () => {
  let scene: Scene;
  let prosecute: Prosecute;
  let honest: CourtRun;
  let wrong: CourtRun;
  beforeEach(async () => {
    honest = await courtRun(0);
    wrong = await courtRun(0, { tensor: CONVOLUTION, bytes: [ELEMENT] });
    scene = new Scene();
    scene.trace = () => Promise.resolve(honest);
    scene.balances.set(`${STAKE_TOKEN} ${OPERATOR}`, 1000n);
    prosecute = new Prosecute(scene.context);
  });
  afterEach(() => {
    scene.journal.close();
  });
  const tick = async (now = NOW) => {
    await prosecute.tick(now);
    await calm();
  };
  const names = () => scene.sent.map(({ name }) => name);
  const accused = (output: string = WRONG, provider = STRANGER) => {
    scene.requested(1, { provider });
    scene.courtCase(3, 1, output, provider);
  };
  /** A case about a result that is this machine's. */
  const right = () => {
    scene.execute = () => honest.trace.outputRoot;
    accused(honest.trace.outputRoot);
  };
  const posted = (run = wrong) => {
    scene.happened("TracePosted", 3, { traceRoot: run.trace.traceRoot, roots: rootsOf(run) });
  };
  /** The provider shows a part of its false trace. */
  const shown = (part: Part) => {
    const committed = wrong.trace.tensors[part.tensor];
    assert.ok(committed);
    const answer = answerDemand(committed, part);
    if (answer.kind === "leaf") scene.happened("LeafRevealed", 3, { part, leaf: toHex(answer.leaf) });
    else scene.happened("ChildrenRevealed", 3, { part, children: answer.children });
    scene.demands.set(`3 ${part.tensor} ${part.level} ${part.index}`, { deadline: 1n, answered: true });
  };
  /** Tensor, level and index that a call was about. */
  const partOf = (call: number) => {
    const sent = scene.sent[call];
    return (sent?.args[sent.name === "demand" ? 2 : 1] as bigint[] | undefined)?.map(Number);
  };

  it("goes from the trace to the wrong element, demand by demand, and proves the fraud", async () => {
    accused();
    await tick();
    assert.deepEqual(scene.sent, []);
    posted();
    await tick();
    assert.deepEqual(partOf(0), [CONVOLUTION, 1, 0]);
    scene.demanded(3, CHILDREN);
    shown(CHILDREN);
    await tick();
    assert.deepEqual(partOf(1), [CONVOLUTION, 0, ELEMENT]);
    scene.demanded(3, LEAF);
    shown(LEAF);
    await tick();
    assert.deepEqual(names(), ["demand", "demand", "proveFraud"]);
    const [id, claim, provenance] = scene.calls("proveFraud")[0]?.args as [bigint, unknown[], unknown[]];
    assert.deepEqual([id, claim[2], provenance[1]], [3n, BigInt(ELEMENT), BigInt(CONVOLUTION - 1)]);
    const moves = (await scene.metrics.courtMoves.get()).values.map(({ labels, value }) => [labels.move, value]);
    assert.deepEqual(moves, [
      ["demand", 2],
      ["proof", 1],
    ]);
    assert.equal(scene.traced, 1);
  });

  it("goes on after a restart in the middle, with nothing but chain and journal", async () => {
    accused();
    posted();
    scene.demanded(3, CHILDREN);
    shown(CHILDREN);
    await tick();
    prosecute = new Prosecute(scene.context);
    scene.demanded(3, LEAF);
    shown(LEAF);
    await tick();
    assert.deepEqual(names(), ["demand", "proveFraud"]);
  });

  /** A case about a wrong sum of several calls, of which all is shown. */
  async function accusedOfLongSum(run = longRun): Promise<void> {
    const [own, false_] = [await run(), await run(1)];
    const output = own.trace.tensors.length - 1;
    const part = { tensor: output, level: 0, index: 0 };
    const leaf = answerDemand(false_.trace.tensors[output] as TensorCommitment, part);
    assert.ok(leaf.kind === "leaf");
    scene.trace = () => Promise.resolve(own);
    accused();
    posted(false_);
    scene.demanded(3, part);
    scene.happened("LeafRevealed", 3, { part, leaf: toHex(leaf.leaf) });
  }
  /** First and next step of each part that was sent. */
  const cuts = () => scene.calls("accumulate").map(({ args }) => [(args[3] as [bigint])[0], args[4] as bigint]);

  it("adds a long sum up call by call, goes on after a restart from what the court has, and then proves", async () => {
    await accusedOfLongSum();
    // The second call never arrives.
    scene.outcome = ({ name, args }) => {
      if (name !== "accumulate" || scene.calls("accumulate").length === 2) return "superseded";
      scene.sum = sumHash(args[4] as bigint);
      return "mined";
    };
    await tick();
    assert.deepEqual(names(), ["accumulate", "accumulate"]);
    const [first, second] = cuts();
    assert.equal(first?.[0], 0n);
    assert.equal(second?.[0], first?.[1]);

    prosecute = new Prosecute(scene.context);
    scene.outcome = () => "mined";
    await tick();
    assert.deepEqual(cuts()[2], second);
    assert.equal(names().at(-1), "proveFraudOfSum");
    const ends = cuts()
      .slice(2)
      .map(([, end]) => end);
    const [, claim, , before] = scene.calls("proveFraudOfSum")[0]?.args as [bigint, unknown[], unknown, [bigint]];
    assert.deepEqual([claim[2], before[0]], [0n, ends.at(-1)]);
  });

  it("adds a part up again that a reorganisation took back, and proves no sum that the court does not have", async () => {
    await accusedOfLongSum();
    scene.outcome = ({ name, args }) => {
      if (name !== "accumulate") return "mined";
      // With the third part the chain loses the first two.
      const lost = scene.calls("accumulate").length === 3;
      scene.sum = lost ? hash(0) : sumHash(args[4] as bigint);
      return lost ? "refused" : "mined";
    };
    await tick();
    assert.deepEqual(new Set(names()), new Set(["accumulate"]));
    const [first, second, third] = cuts();

    await tick(NOW + 5);
    assert.deepEqual(cuts().slice(3, 6), [first, second, third]);
    assert.equal(names().at(-1), "proveFraudOfSum");
  });

  /** A node that has the gas for so many of the 1,024 products in one call. */
  const allowing = (most: bigint) => {
    scene.outcome = ({ name, args }) => {
      const from = name === "proveFraud" ? 0n : (args[3] as [bigint])[0];
      const to = name === "accumulate" ? (args[4] as bigint) : 1024n;
      if (to - from > most) throw new GasLimitError("the node has not the gas");
      if (name === "accumulate") scene.sum = sumHash(to);
      return "mined";
    };
  };
  const parts = (length: number) =>
    Array.from({ length: 1024 / length - 1 }, (_, i) => [BigInt(length * i), BigInt(length * (i + 1))]);

  it("cuts a sum into parts where the node has not the gas for the whole, and into shorter ones", async () => {
    await accusedOfLongSum(productRun);
    allowing(300n);
    await tick();
    assert.deepEqual(names(), ["proveFraud", "accumulate", ...parts(256).map(() => "accumulate"), "proveFraudOfSum"]);
    assert.deepEqual(cuts(), [[0n, 512n], ...parts(256)]);
    assert.match(scene.warnings.join(""), /not enough gas: proving in shorter parts/);
  });

  it("cuts what is left of a sum shorter, and keeps what was added up", async () => {
    await accusedOfLongSum(productRun);
    allowing(512n);
    const { outcome } = scene;
    scene.outcome = (call) => {
      const said = outcome(call);
      if (call.name === "accumulate") allowing(256n);
      return said;
    };
    await tick();
    assert.deepEqual(cuts(), [
      [0n, 512n],
      [512n, 768n],
    ]);
    assert.equal(names().at(-1), "proveFraudOfSum");
  });

  it("goes on with short parts after a restart in the middle of them", async () => {
    await accusedOfLongSum(productRun);
    allowing(128n);
    const { outcome } = scene;
    scene.outcome = (call) => (cuts().length === 6 ? "superseded" : outcome(call));
    await tick();
    assert.deepEqual(cuts(), [[0n, 512n], [0n, 256n], ...parts(128).slice(0, 4)]);

    prosecute = new Prosecute(scene.context);
    // What is longer would be taken now, but would begin the sum again.
    allowing(1024n);
    await tick();
    assert.deepEqual(cuts().slice(6), parts(128).slice(3));
    assert.equal(names().at(-1), "proveFraudOfSum");
  });

  it("says so where a node has not the gas for the shortest part, and tries again from the longest", async () => {
    await accusedOfLongSum(productRun);
    allowing(31n);
    await tick();
    assert.deepEqual(
      cuts(),
      [512n, 256n, 128n, 64n, 32n].map((end) => [0n, end]),
    );
    assert.match(scene.warnings.at(-1) ?? "", /not enough gas even for the shortest parts of this sum/);
    await tick(NOW + 4);
    assert.equal(scene.sent.length, 6);
    allowing(1024n);
    await tick(NOW + 5);
    assert.equal(scene.sent.length, 7);
    assert.equal(names().at(-1), "proveFraud");
  });

  it("uses what was shown to somebody else, and demands nothing twice", async () => {
    accused();
    posted();
    scene.demanded(3, CHILDREN);
    await tick();
    await tick();
    assert.deepEqual(scene.sent, []);
    shown(CHILDREN);
    await tick();
    assert.deepEqual(partOf(0), [CONVOLUTION, 0, ELEMENT]);
  });

  it("computes nothing while it waits for an answer, whatever others demand", async () => {
    accused();
    posted();
    await tick();
    scene.demanded(3, CHILDREN);
    scene.trace = () => Promise.reject(new Error("made again"));
    scene.demanded(3, { ...CHILDREN, tensor: 3 });
    await tick();
    await tick();
    assert.deepEqual(names(), ["demand"]);
    assert.equal(scene.traced, 1);
  });

  it("is not held up by demands of others that nobody answered", async () => {
    accused();
    posted();
    scene.demanded(3, { ...CHILDREN, tensor: 3 });
    await tick();
    assert.deepEqual(partOf(0), [CONVOLUTION, 1, 0]);
  });

  it("proves the silence of a provider that lets a demand pass, not a second too early", async () => {
    accused();
    posted();
    await tick();
    scene.demanded(3, CHILDREN);
    await tick(NOW + 50);
    assert.deepEqual(names(), ["demand"]);
    await tick(NOW + 51);
    assert.deepEqual(names(), ["demand", "proveSilence"]);
    assert.deepEqual(partOf(1), [CONVOLUTION, 1, 0]);
  });

  const dues = () => scene.sent.map(({ name, urgency }) => [name, urgency?.due]);

  it("demands and proves by the second in which the case would end, which it does not while an answer is due", async () => {
    scene.clock = { movedAt: BigInt(NOW - 1700), windowEnd: BigInt(NOW + 60), pending: 0n };
    accused();
    posted();
    await tick();
    scene.demanded(3, CHILDREN);
    shown(CHILDREN);
    scene.clock = { movedAt: BigInt(NOW - 1700), windowEnd: BigInt(NOW + 300), pending: 0n };
    await tick();
    scene.demanded(3, LEAF);
    shown(LEAF);
    scene.clock.pending = 1n;
    await tick();
    assert.deepEqual(dues(), [
      ["demand", NOW + 100],
      ["demand", NOW + 300],
      ["proveFraud", NOW + 1800],
    ]);
  });

  it("proves a silence by the end of the time to claim after it", async () => {
    accused();
    posted();
    await tick();
    scene.demanded(3, CHILDREN);
    await tick(NOW + 51);
    assert.deepEqual(dues()[1], ["proveSilence", NOW + 50 + 1800]);
  });

  const unanswered = async () => {
    accused();
    posted();
    await tick();
    scene.demanded(3, CHILDREN, NOW + 50, OPERATOR);
    await tick(NOW + 1);
    assert.deepEqual(names(), ["demand"]);
  };

  it("proves a silence about its own demand while comparing takes too long", async () => {
    await unanswered();
    const late = () => Promise.reject(new JudgeError("too long", 600));
    const judge = { difference: late, search: () => ({ next: late, stop: () => undefined }) };
    prosecute = new Prosecute({ ...scene.context, judge });
    await tick(NOW + 50);
    assert.deepEqual(names(), ["demand"]);
    await tick(NOW + 51);
    assert.deepEqual(names(), ["demand", "proveSilence"]);
  });

  it("proves a silence about its own demand where the input is gone after a restart", async () => {
    await unanswered();
    scene.execute = () => {
      throw new ContentError("nobody has the input any more");
    };
    prosecute = new Prosecute(scene.context);
    await tick(NOW + 51);
    assert.deepEqual(names(), ["demand", "proveSilence"]);
  });

  it("proves a silence about its own demand also in a case that it gave up", async () => {
    await unanswered();
    scene.execute = () => {
      throw new InferenceError("rejected", "run: the model takes no such input");
    };
    prosecute = new Prosecute(scene.context);
    await tick(NOW + 2);
    assert.match(scene.warnings.join(""), /cannot be run on this machine/);
    await tick(NOW + 51);
    assert.deepEqual(names(), ["demand", "proveSilence"]);
  });

  it("proves a silence about its own demand once, and again after a pause if that failed", async () => {
    await unanswered();
    scene.outcome = ({ name }) => (name === "proveSilence" ? Promise.reject(new Error("node down")) : "mined");
    await tick(NOW + 51);
    const sent = scene.sent.length;
    await tick(NOW + 52);
    assert.equal(scene.sent.length, sent);
    await tick(NOW + 4000);
    assert.ok(scene.sent.length > sent);
  });

  it("does not convict a right result by a silence", async () => {
    right();
    posted(honest);
    scene.demanded(3, CHILDREN);
    await tick(NOW + 51);
    await tick(NOW + 51);
    assert.deepEqual(scene.sent, []);
    assert.match(scene.warnings.join(""), /the result is right.*nothing to prove/);
    assert.equal(scene.warnings.length, 1);
  });

  it("waits for the trace: without one in time the ruling follows by itself", async () => {
    accused();
    await tick(NOW + 1000);
    assert.equal(scene.traced, 0);
    assert.deepEqual(scene.sent, []);
  });

  it("leaves its own provider's cases to its defence, and those that ended", async () => {
    accused(WRONG, PROVIDER);
    posted();
    await tick();
    assert.equal(scene.traced, 0);
    scene.courtCase(4, 1, WRONG, STRANGER);
    scene.happened("TracePosted", 4, { traceRoot: wrong.trace.traceRoot, roots: rootsOf(wrong) });
    scene.happened("FraudProven", 4);
    await tick();
    assert.equal(scene.traced, 0);
  });

  it("gives up, for good, where the court does not see what it sees", async () => {
    accused();
    posted();
    for (const part of [CHILDREN, LEAF]) {
      scene.demanded(3, part);
      shown(part);
    }
    scene.accused = () => {
      throw revert("ProofCourt_NoContradiction");
    };
    await tick();
    prosecute = new Prosecute(scene.context);
    await tick();
    assert.deepEqual(scene.sent, []);
    assert.equal(scene.warnings.length, 1);
    assert.match(scene.warnings[0] ?? "", /nothing that was shown contradicts.*nothing to prove/);
  });

  it("does not give up because the node could not be asked", async () => {
    accused();
    posted();
    for (const part of [CHILDREN, LEAF]) {
      scene.demanded(3, part);
      shown(part);
    }
    scene.accused = () => {
      throw new Error("the node is away");
    };
    await tick();
    scene.accused = () => undefined;
    await tick(NOW + 5);
    assert.deepEqual(names(), ["proveFraud"]);
  });

  it("asks for what may differ too once the first leaf did not convict", async () => {
    const open = await openRun();
    // The sign of a zero that a Relu makes of -0 is nobody's fault; the sum that does not follow is.
    wrong = await openRun({ tensor: OPEN.relu, bytes: [3], by: 0x80 }, { tensor: OPEN.sum, bytes: [0] });
    scene.trace = () => Promise.resolve(open);
    accused();
    posted();
    await tick();
    const [relu, sum] = [OPEN.relu, OPEN.sum].map((tensor) => ({ tensor, level: 0, index: 0 })) as [Part, Part];
    // An output first: it could be right but for a zero.
    assert.deepEqual([partOf(0), scene.sent.length], [Object.values(sum), 1]);
    for (const part of [sum, relu]) {
      scene.demanded(3, part);
      shown(part);
      await tick();
    }
    assert.deepEqual(names(), ["demand", "demand", "proveFraud"]);
    assert.deepEqual(partOf(1), Object.values(relu));
    assert.deepEqual((scene.sent[2]?.args[2] as bigint[])[1], BigInt(OPEN.sum - 1));
  });

  /** A case in which all is shown that convicts. */
  const convictable = () => {
    accused();
    posted();
    for (const part of [CHILDREN, LEAF]) {
      scene.demanded(3, part);
      shown(part);
    }
  };
  /** How many moves of one kind are sent, looking every second for a minute. */
  const sentInAMinute = async (name: string, from = NOW) => {
    for (let second = 0; second < 60; second++) await tick(from + second);
    return scene.calls(name).length;
  };

  it("accuses again at once after a transaction that was superseded", async () => {
    convictable();
    scene.outcome = () => "superseded";
    await tick();
    await tick();
    assert.deepEqual(names(), ["proveFraud", "proveFraud"]);
  });

  // After 0, 5, 15 and 35 seconds.
  for (const outcome of ["reverted", "refused"] as const) {
    it(`accuses again after pauses that double where the transaction was ${outcome}`, async () => {
      convictable();
      scene.clock.windowEnd = BigInt(NOW + 10_000);
      scene.outcome = () => outcome;
      assert.equal(await sentInAMinute("proveFraud"), 4);
    });

    it(`demands again after such pauses where the transaction was ${outcome}`, async () => {
      accused();
      posted();
      scene.clock.windowEnd = BigInt(NOW + 10_000);
      scene.outcome = () => outcome;
      assert.equal(await sentInAMinute("demand"), 4);
    });

    for (const [whose, demander] of [
      ["its own", OPERATOR],
      ["another's", STRANGER],
    ] as const) {
      it(`proves the silence about ${whose} demand again after such pauses where that was ${outcome}`, async () => {
        accused();
        posted();
        scene.clock.pending = 1n;
        scene.demanded(3, CHILDREN, NOW - 1, demander);
        scene.outcome = () => outcome;
        assert.equal(await sentInAMinute("proveSilence"), 4);
      });
    }
  }

  it("demands again after pauses where the node could not be asked about a demand", async () => {
    accused();
    posted();
    scene.clock.windowEnd = BigInt(NOW + 10_000);
    let asked = 0;
    const { context } = scene;
    const { court } = context.contracts;
    court.demandFeeOf = (() => {
      asked++;
      return Promise.reject(new Error("the node is away"));
    }) as never;
    prosecute = new Prosecute(context);
    await sentInAMinute("demand");
    assert.equal(asked, 4);
  });

  it("goes on where a reorganisation took all of a case while its job ran, and brought it back", async () => {
    const executed = gate<string>();
    scene.execute = () => executed.promise;
    accused();
    posted();
    await tick();
    const bringBack = scene.takenBack(3);
    executed.open(honest.trace.outputRoot);
    await calm();
    bringBack();
    await tick(NOW + 5);
    assert.deepEqual(names(), ["demand"]);
  });

  it("never gives a case up because of what the provider posted", async () => {
    const { judge } = scene.context;
    accused();
    posted();
    const next = () => Promise.reject(new TensorError("BAD_VALUE", "bool element 0 is 2"));
    prosecute = new Prosecute({
      ...scene.context,
      judge: { ...judge, search: () => ({ next, stop: () => undefined }) },
    });
    await tick();
    prosecute = new Prosecute(scene.context);
    await tick();
    assert.deepEqual(names(), ["demand"]);
  });

  it("sends nothing in a case that is decided, though nobody carried the ruling out", async () => {
    accused();
    posted();
    scene.rulings.set("3", Ruling.Upheld);
    await tick();
    assert.deepEqual(scene.sent, []);
  });

  it("demands nothing without the fee, and demands as soon as there is one", async () => {
    accused();
    posted();
    scene.balances.clear();
    await tick();
    assert.deepEqual(scene.sent, []);
    assert.match(scene.warnings.join(""), /no fee: deposit stake tokens/);
    scene.balances.set(`${STAKE_TOKEN} ${OPERATOR}`, 110n);
    await tick(NOW + 5);
    assert.deepEqual(names(), ["demand"]);
  });

  it("does not run a job again at each look while there is no fee", async () => {
    // Too large to be kept.
    prosecute = new Prosecute({ ...scene.context, keptRunBytes: 1 });
    scene.requested(2, { provider: STRANGER });
    scene.courtCase(4, 2, WRONG, STRANGER);
    scene.happened("TracePosted", 4, { traceRoot: wrong.trace.traceRoot, roots: rootsOf(wrong) });
    accused();
    posted();
    scene.balances.clear();
    for (let second = 0; second < 60; second++) await tick(NOW + second);
    // Each after 0, 5, 15 and 35 seconds.
    assert.equal(scene.warnings.filter((line) => line.includes("no fee")).length, 8);
    assert.ok(scene.traced <= 8, `${scene.traced} runs`);
  });

  it("keeps a bond in reserve, so that a case without end does not keep it from challenging", async () => {
    accused();
    posted();
    scene.balances.set(`${STAKE_TOKEN} ${OPERATOR}`, 109n);
    await tick();
    assert.deepEqual(scene.sent, []);
    assert.match(scene.warnings.join(""), /"needed":"?110.*no fee: deposit stake tokens/);
  });

  it("keeps the bond in reserve also while other demands are on their way", async () => {
    for (const [job, id] of [
      [1, 3],
      [2, 4],
    ] as const) {
      scene.requested(job, { provider: STRANGER });
      scene.courtCase(id, job, WRONG, STRANGER);
      scene.happened("TracePosted", id, { traceRoot: wrong.trace.traceRoot, roots: rootsOf(wrong) });
    }
    // A bond of 100, a fee of 10 and not another one.
    scene.balances.set(`${STAKE_TOKEN} ${OPERATOR}`, 119n);
    const mined = gate<Outcome>();
    scene.outcome = () => mined.promise;
    await tick();
    await calm();
    assert.deepEqual(names(), ["demand"]);
    assert.match(scene.warnings.join(""), /"needed":"?120.*no fee/);
    mined.open("mined");
    await calm();
  });

  it("leaves a right result alone whatever its trace says, without a trace of its own", async () => {
    right();
    posted();
    for (const part of [CHILDREN, LEAF]) {
      scene.demanded(3, part);
      shown(part);
    }
    await tick();
    prosecute = new Prosecute(scene.context);
    await tick();
    assert.deepEqual(scene.sent, []);
    assert.deepEqual([scene.executed, scene.traced], [["1"], 0]);
    assert.match(scene.warnings.join(""), /the result is right.*nothing to prove/);
  });

  it("pays no fee for signs of zeros that the court leaves open, where it can fetch the result", async () => {
    const { run, turned } = await accusedOfZeros();
    scene.delivered = () =>
      Promise.resolve(
        outputsOf(
          run.model,
          turned.trace.tensors.map(({ tensor }) => tensor),
        ),
      );
    await tick();
    await tick();
    assert.deepEqual([scene.sent, scene.asked], [[], 1]);
    assert.match(scene.warnings.join(""), /nothing to prove/);
  });

  it("demands a result that it cannot fetch, once, and then the trace only if it is wrong", async () => {
    const { turned } = await accusedOfZeros();
    await tick();
    const part = { tensor: OPEN.doubled, level: 0, index: 0 };
    assert.deepEqual([partOf(0), scene.sent.length, scene.asked], [Object.values(part), 1, 1]);
    wrong = turned;
    scene.demanded(3, part);
    shown(part);
    await tick();
    assert.deepEqual([names(), scene.asked], [["demand"], 1]);
    assert.match(scene.warnings.join(""), /nothing to prove/);
  });

  /** A case about a result whose only fault are the signs of zeros that a Relu of -0 gives. */
  async function accusedOfZeros(): Promise<{ run: CourtRun; turned: CourtRun }> {
    const run = await openRun();
    const bytes = { bytes: [3], by: 0x80 };
    const turned = await openRun({ tensor: OPEN.relu, ...bytes }, { tensor: OPEN.doubled, ...bytes });
    scene.trace = () => Promise.resolve(run);
    scene.requested(1, { provider: STRANGER });
    scene.submitted(1, turned.trace.outputRoot, { provider: STRANGER });
    scene.courtCase(3, 1, turned.trace.outputRoot, STRANGER);
    posted(turned);
    return { run, turned };
  }

  it("gives up a case whose job it can never run, and tries again one that it cannot run yet", async () => {
    accused();
    posted();
    scene.trace = () => Promise.reject(new Error("cannot fetch"));
    await tick();
    assert.match(scene.warnings.join(""), /case not prosecuted yet/);
    scene.trace = () => Promise.reject(new InferenceError("rejected", "no such input"));
    await tick(NOW + 4);
    assert.equal(scene.traced, 1);
    await tick(NOW + 5);
    await tick(NOW + 10);
    assert.equal(scene.traced, 2);
    assert.match(scene.warnings.join(""), /cannot be run on this machine: no such input.*nothing to prove/);
  });

  it("convicts although somebody killed its own run, however often", async () => {
    accused();
    posted();
    scene.trace = () => Promise.reject(new InferenceError("crash", "the process ended with SIGKILL"));
    await tick();
    await tick(NOW + 4);
    assert.equal(scene.traced, 1);
    for (let look = 1; look <= 20; look++) await tick(NOW + 400 * look);
    assert.equal(scene.traced, 21);
    scene.trace = () => Promise.resolve(honest);
    await tick(NOW + 400 * 21);
    assert.deepEqual(names(), ["demand"]);
  });

  it("looks again where a reorganisation brought another trace", async () => {
    accused();
    posted(honest);
    await tick();
    assert.match(scene.warnings.join(""), /nothing that was shown contradicts/);
    scene.reorganise(1);
    posted();
    await tick();
    assert.deepEqual(names(), ["demand"]);
  });
});

function revert(error: string): Error {
  return new ContractRevertError(error, {});
}
