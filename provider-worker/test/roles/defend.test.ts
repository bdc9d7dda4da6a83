import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import type { Part } from "@assay/sdk";
import { GasLimitError, MerkleTree, Ruling, toHex, traceFactsOf } from "@assay/sdk";

import type { Outcome } from "../../src/chain/submitter.js";
import { Rank } from "../../src/chain/submitter.js";
import type { CourtRun } from "../../src/court/courtRuns.js";
import { Line } from "../../src/jobs/line.js";
import { Defend } from "../../src/roles/defend.js";
import { courtRun, rootsOf } from "../support/courtRuns.js";
import { calm, gate, hash, NOW, Scene, STRANGER } from "../support/scene.js";

const CONVOLUTION = 2;
const CHILDREN: Part = { tensor: CONVOLUTION, level: 1, index: 0 };
const LEAF: Part = { tensor: CONVOLUTION, level: 0, index: 7 };

describe("Defending", () => {
  let scene: Scene;
  let defend: Defend;
  let run: CourtRun;
  beforeEach(async () => {
    run = await courtRun(0);
    scene = new Scene();
    scene.trace = () => Promise.resolve(run);
    defend = new Defend(scene.context);
  });
  afterEach(() => {
    scene.journal.close();
  });
  const tick = async (now = NOW) => {
    await defend.tick(now);
    await calm();
  };
  const names = () => scene.sent.map(({ name }) => name);
  const challenged = (id = 3, job = 1, output: string = run.trace.outputRoot) => {
    scene.requested(job);
    scene.courtCase(id, job, output);
  };
  const posted = (id = 3, roots = rootsOf(run)) => {
    scene.happened("TracePosted", id, { traceRoot: MerkleTree.fromHashes(roots).root, roots });
    scene.tracedCases.add(String(id));
  };

  it("posts the trace of a job in dispute, with the facts and the graph of the case", async () => {
    challenged();
    await tick();
    const [call] = scene.calls("postTrace");
    assert.ok(call);
    const [id, facts, graph, roots] = call.args as [bigint, unknown[], unknown[], string[]];
    assert.deepEqual([id, facts[0], facts[6]], [3n, BigInt(scene.id(1)), run.trace.outputRoot]);
    assert.equal(graph[0], run.model.graph.fileHash);
    assert.deepEqual(roots, rootsOf(run));
    assert.equal((await scene.metrics.courtMoves.get()).values[0]?.labels.move, "trace");
  });

  it("posts it once, whoever posted it first, also when it reads its own block late", async () => {
    challenged();
    scene.outcome = () => {
      scene.tracedCases.add("3");
      return "mined";
    };
    await tick();
    await tick();
    posted();
    await tick();
    assert.deepEqual(names(), ["postTrace"]);
    assert.equal(scene.traced, 1);
  });

  for (const outcome of ["superseded", "reverted", "refused"] as const) {
    it(`posts it again after a transaction that was ${outcome}`, async () => {
      challenged();
      scene.outcome = () => outcome;
      await tick();
      await tick();
      assert.deepEqual(names(), ["postTrace", "postTrace"]);
    });
  }

  it("tries again while the run cannot be made, after pauses that stay short", async () => {
    challenged();
    scene.trace = () => Promise.reject(new Error("cannot fetch"));
    for (let second = 0; second <= 95; second++) await tick(NOW + second);
    assert.equal(scene.traced, 6);
    assert.match(scene.warnings.join(""), /case not defended yet/);
    scene.trace = () => Promise.resolve(run);
    await tick(NOW + 124);
    assert.deepEqual(names(), []);
    await tick(NOW + 125);
    assert.deepEqual(names(), ["postTrace"]);
  });

  it("never posts two different traces of one job, also after a restart", async () => {
    challenged();
    scene.outcome = () => "reverted";
    await tick();
    run = { ...run, trace: { ...run.trace, traceRoot: hash(9) as never } };
    defend = new Defend(scene.context);
    await tick();
    assert.deepEqual(names(), ["postTrace"]);
    assert.match(scene.warnings.join(""), /a second result .* is never sent/);
  });

  it("sends nothing and says so where its own run does not give what was submitted", async () => {
    challenged(3, 1, hash(0xbad));
    await tick();
    await tick();
    assert.deepEqual(scene.sent, []);
    assert.equal(scene.warnings.length, 1);
    assert.match(scene.warnings[0] ?? "", /cannot defend: .* gives something else than what was submitted/);
  });

  it("sends nothing where the trace that stands is not its own", async () => {
    challenged();
    posted(3, rootsOf(await courtRun(0, { tensor: CONVOLUTION, bytes: [0] })));
    scene.demanded(3, CHILDREN);
    await tick();
    await tick();
    assert.deepEqual(scene.sent, []);
    assert.equal(scene.warnings.length, 1);
  });

  it("shows every part that is demanded, hashes or bytes, the most urgent first", async () => {
    challenged();
    posted();
    scene.demanded(3, CHILDREN, 2000);
    scene.demanded(3, LEAF, 1900);
    await tick();
    const [leaf, children] = scene.sent;
    const committed = run.trace.tensors[CONVOLUTION];
    assert.ok(leaf && children && committed);
    assert.deepEqual([leaf.name, children.name], ["revealLeaf", "revealChildren"]);
    const { root, nodesRoot, inputCount, nodeCount } = traceFactsOf(run.model.graph, rootsOf(run));
    assert.deepEqual(leaf.args.slice(0, 4), [
      3n,
      [root, nodesRoot, BigInt(inputCount), BigInt(nodeCount)],
      [BigInt(CONVOLUTION), 0n, 7n],
      toHex(committed.leaves.slice(7 * committed.leafBytes, 8 * committed.leafBytes)),
    ]);
    assert.deepEqual(children.args[3], committed.tree.nodes(0));
    for (const { args } of [leaf, children]) {
      assert.equal(args[5], committed.header.merkleRoot);
      assert.deepEqual(args[6], MerkleTree.fromHashes(rootsOf(run)).proof(CONVOLUTION));
    }
  });

  for (const [what, fail] of [
    ["is refused", () => "refused" as const],
    [
      "takes more gas than the node has",
      () => {
        throw new GasLimitError("the node has not the gas");
      },
    ],
  ] as const) {
    it(`shows many parts in one transaction, and in smaller ones where that ${what}`, async () => {
      challenged();
      posted();
      scene.demanded(3, CHILDREN);
      scene.demanded(3, LEAF);
      scene.outcome = () => (scene.transactions === 1 ? fail() : "mined");
      await tick();
      assert.deepEqual(names(), ["revealChildren", "revealLeaf", "revealChildren", "revealLeaf"]);
      assert.equal(scene.transactions, 3);
      assert.equal((await scene.metrics.courtMoves.get()).values[0]?.value, 2);
    });
  }

  it("shows no part twice, and none that somebody else showed", async () => {
    challenged();
    posted();
    scene.demanded(3, LEAF);
    scene.demanded(3, CHILDREN);
    scene.demands.set("3 2 1 0", { deadline: 1n, answered: true });
    await tick();
    assert.deepEqual(names(), ["revealLeaf"]);
    scene.happened("LeafRevealed", 3, { part: LEAF, leaf: "0x00" });
    scene.happened("ChildrenRevealed", 3, { part: CHILDREN, children: [] });
    await tick();
    assert.equal(scene.sent.length, 1);
  });

  it("shows again what a reorganisation took back", async () => {
    challenged();
    posted();
    scene.demanded(3, LEAF);
    scene.happened("LeafRevealed", 3, { part: LEAF, leaf: "0x00" });
    await tick();
    assert.deepEqual(scene.sent, []);
    scene.reorganise(1);
    await tick();
    assert.deepEqual(names(), ["revealLeaf"]);
  });

  it("goes on after a restart in the middle, with nothing but chain and journal", async () => {
    challenged();
    await tick();
    posted();
    scene.demanded(3, LEAF);
    defend = new Defend(scene.context);
    await tick();
    assert.deepEqual(names(), ["postTrace", "revealLeaf"]);
    assert.equal(scene.traced, 2);
  });

  it("makes a run once for all that is demanded while the case is open, and keeps none for a case that ended", async () => {
    challenged();
    posted();
    scene.demanded(3, LEAF);
    await tick();
    scene.demanded(3, CHILDREN);
    await tick();
    assert.equal(scene.traced, 1);
    scene.happened("CaseResolved", 3);
    await tick();
    scene.reorganise(1);
    await tick();
    assert.equal(scene.traced, 2);
  });

  it("makes no run while there is nothing to do, and leaves others' cases alone", async () => {
    challenged();
    posted();
    scene.requested(2, { provider: STRANGER });
    scene.courtCase(4, 2, hash(2), STRANGER);
    challenged(5, 6);
    scene.happened("FraudProven", 5);
    await tick();
    assert.equal(scene.traced, 0);
  });

  it("sends nothing in a case that is decided, though nobody carried the ruling out", async () => {
    challenged();
    scene.rulings.set("3", Ruling.Upheld);
    await tick();
    assert.deepEqual(scene.sent, []);
  });

  it("serves many cases at once with few runs under way", async () => {
    const made = gate<CourtRun>();
    scene.trace = () => made.promise;
    for (let id = 1; id <= 20; id++) challenged(id, id);
    await tick();
    assert.equal(scene.traced, 8);
    made.open(run);
    await calm();
    await tick();
    const posted = scene.calls("postTrace").map(({ args }) => Number(args[0]));
    assert.deepEqual(new Set(posted), new Set(Array.from({ length: 20 }, (_, i) => i + 1)));
  });

  it("traces what is due first, but what is nearly too late only after what can still be in time", async () => {
    const runs = new Map<string, ReturnType<typeof gate<CourtRun>>>();
    const order: string[] = [];
    scene.trace = (job) => {
      order.push(job);
      const made = gate<CourtRun>();
      runs.set(job, made);
      return made.promise;
    };
    const due = (job: number, replyBy: number) => {
      scene.requested(job);
      scene.courtCase(job, job, run.trace.outputRoot, undefined, undefined, replyBy);
    };
    for (let job = 1; job <= 8; job++) due(job, NOW + 900);
    await tick();
    due(10, NOW + 800);
    due(11, NOW + 30);
    due(12, NOW + 600);
    await tick();
    for (const made of runs.values()) made.open(run);
    await calm();
    assert.deepEqual(order.slice(8), ["12", "10", "11"]);
    for (const made of runs.values()) made.open(run);
    await calm();
  });

  it("runs nothing for a case whose trace or answer somebody sees on chain before it is read", async () => {
    challenged();
    scene.tracedCases.add("3");
    await tick();
    posted();
    scene.demanded(3, LEAF);
    scene.demands.set("3 2 0 7", { deadline: 1n, answered: true });
    await tick();
    assert.deepEqual([scene.traced, scene.sent], [0, []]);
  });

  it("shows what is newly demanded while earlier answers wait to be mined", async () => {
    const mined = gate<Outcome>();
    scene.outcome = () => mined.promise;
    challenged();
    posted();
    scene.demanded(3, LEAF);
    await tick();
    scene.demanded(3, CHILDREN);
    await tick();
    assert.deepEqual(names(), ["revealLeaf", "revealChildren"]);
    // Nothing is sent a second time meanwhile.
    await tick();
    assert.equal(scene.sent.length, 2);
    mined.open("mined");
    await calm();
  });

  it("sends nothing of a batch again that is on its way from before a restart, but what was demanded since", async () => {
    const mined = gate<Outcome>();
    scene.outcome = () => mined.promise;
    challenged();
    posted();
    scene.demanded(3, LEAF);
    scene.demanded(3, CHILDREN);
    await tick();
    assert.equal(scene.transactions, 1);
    defend = new Defend(scene.context);
    const since: Part = { tensor: CONVOLUTION, level: 0, index: 8 };
    scene.demanded(3, since, NOW + 40);
    await tick();
    const parts = scene.sent.map(({ args }) => (args[2] as bigint[]).map(Number));
    assert.deepEqual(parts.slice(2), [[CONVOLUTION, 0, 8]]);
    mined.open("mined");
    await calm();
  });

  it("looks once at a case that waits for its run, until its last minute", async (test) => {
    scene.trace = () => new Promise(() => undefined);
    for (let job = 1; job <= 100; job++) challenged(job, job);
    const [notes, events] = [test.mock.method(scene.journal, "note"), test.mock.method(scene.journal, "events")];
    const asked = async (now: number) => {
      const before = notes.mock.callCount() + events.mock.callCount();
      await defend.tick(now);
      return notes.mock.callCount() + events.mock.callCount() - before;
    };
    assert.ok((await asked(NOW)) >= 200);
    await calm();
    assert.equal(await asked(NOW + 1), 0);
    assert.ok((await asked(NOW + 3541)) >= 200);
  });

  it("runs a job without stake after all others, and posts its trace after whatever saves one", async () => {
    const traced: string[] = [];
    const first = gate<CourtRun>();
    scene.trace = (job) => {
      traced.push(job);
      return Number(job) <= 8 ? first.promise : Promise.resolve(run);
    };
    for (let job = 1; job <= 12; job++) {
      scene.requested(job, job === 9 || job === 10 ? { stake: 0n } : {});
      scene.courtCase(job, job, run.trace.outputRoot, undefined, undefined, NOW + 3600 + job);
    }
    await tick();
    first.open(run);
    await calm();
    assert.deepEqual(traced.slice(8), ["11", "12", "9", "10"]);
    const ranks = scene.calls("postTrace").map(({ urgency }) => urgency?.rank);
    assert.deepEqual(ranks.slice(10), [Rank.AnyTime, Rank.AnyTime]);
    assert.ok(ranks.slice(0, 10).every((rank) => rank === Rank.First));
  });

  it("lets nothing of a job without stake go before what saves one, however soon it is due", async () => {
    scene.requested(1, { stake: 0n });
    scene.courtCase(3, 1, run.trace.outputRoot, undefined, undefined, NOW + 60);
    await tick();
    posted();
    scene.demanded(3, { tensor: CONVOLUTION, level: 1, index: 0 }, NOW + 60);
    await tick();
    assert.deepEqual(names(), ["postTrace", "revealChildren"]);
    const line = new Line<string>();
    line.tick(NOW);
    for (const { name, urgency } of scene.sent) line.put(name, name, urgency);
    line.put("trace", "trace", { rank: Rank.First, due: NOW + 3600 });
    assert.equal(line.next(), "trace");
  });

  it("posts the traces of other cases while earlier ones wait to be mined, before any answer", async () => {
    const mined = gate<Outcome>();
    scene.outcome = () => mined.promise;
    for (let id = 1; id <= 20; id++) challenged(id, id);
    for (let i = 0; i < 3; i++) await tick();
    assert.equal(scene.calls("postTrace").length, 20);
    posted(1);
    scene.demanded(1, LEAF);
    await tick();
    const [trace, answer] = [scene.sent[0]?.urgency, scene.sent.at(-1)?.urgency];
    assert.deepEqual(trace, { rank: Rank.First, due: NOW + 3600 });
    assert.deepEqual(answer, { rank: Rank.InTime, due: NOW + 50 });
    mined.open("mined");
    await calm();
  });
});
