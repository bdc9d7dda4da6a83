import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";

import { INTERFACES } from "@assay/sdk";
import { JsonRpcProvider, toQuantity, Transaction, Wallet } from "ethers";

import { Anvil, anvilPath } from "../../../test/support/anvil.js";
import type { Call, Outcome, SubmitterOptions } from "../../src/chain/submitter.js";
import { Rank, Submitter, together } from "../../src/chain/submitter.js";
import type { SentTransaction } from "../../src/jobs/journal.js";
import { Journal } from "../../src/jobs/journal.js";
import { eventually } from "../support/eventually.js";
import { gate, NOW } from "../support/scene.js";
import { Ticker } from "../support/ticker.js";

const CHAIN_ID = 31337;
const GWEI = 10n ** 9n;
const TARGET = "0x00000000000000000000000000000000000000cc";
const PATIENCE = 5;
/** Code that reverts with `InferenceMarket_NothingEarned()`, and code that does nothing. */
const REFUSING = `0x63${(INTERFACES.market.getError("InferenceMarket_NothingEarned")?.selector ?? "").slice(2)}5f526004601cfd`;
const ACCEPTING = "0x00";
/** Code that goes on for as long as there is gas. */
const ENDLESS = "0x5b5f56";

/** A connection that can be cut, and whose answers can be replaced. */
class Line extends JsonRpcProvider {
  down = false;
  /** Another answer than the node's, if not undefined. */
  lie: (method: string, parameters: unknown[]) => { answer: unknown } | undefined = () => undefined;

  override async send(method: string, parameters: unknown[]): Promise<unknown> {
    if (this.down) throw new Error("connect ECONNREFUSED");
    const lie = this.lie(method, parameters);
    return lie ? lie.answer : await super.send(method, parameters);
  }
}

const binary = anvilPath();

describe("The submitter", { skip: binary === undefined && "no anvil for this platform: set ANVIL_PATH" }, () => {
  let anvil: Anvil;
  let line: Line;
  let wallet: Wallet;
  let journal: Journal;
  let ticker: Ticker;
  let stop: AbortController;
  let outcomes: Outcome[];
  let submitter: Submitter;

  before(async () => {
    anvil = await Anvil.start(binary ?? "");
    await anvil.holdBlocks("all");
    line = new Line(anvil.rpcUrl, CHAIN_ID, { staticNetwork: true, batchMaxCount: 1, cacheTimeout: -1 });
  });
  after(async () => {
    line.destroy();
    await anvil.stop();
  });

  beforeEach(async () => {
    line.down = false;
    line.lie = () => undefined;
    wallet = new Wallet(Wallet.createRandom().privateKey);
    await line.send("anvil_setBalance", [wallet.address, "0xde0b6b3a7640000"]);
    await line.send("anvil_setCode", [TARGET, ACCEPTING]);
    journal = new Journal(":memory:");
    submitter = start();
  });

  /** A submitter on the same journal, as a new process has it. */
  function start(options: Partial<SubmitterOptions> = {}): Submitter {
    ticker = new Ticker();
    stop = new AbortController();
    outcomes = [];
    return new Submitter(wallet, line, BigInt(CHAIN_ID), journal, {
      pollMs: 1,
      patience: PATIENCE,
      maxFeePerGas: 200n * GWEI,
      delay: ticker.delay,
      signal: stop.signal,
      onOutcome: (outcome) => outcomes.push(outcome),
      ...options,
    });
  }

  const call = (purpose: string, more: Partial<Call> = {}): Call => ({
    purpose,
    to: TARGET,
    data: "0x",
    stillWanted: () => Promise.resolve(true),
    ...more,
  });
  const open = () => journal.openTransactions();
  const opened = (sent: SentTransaction | undefined) => Transaction.from(sent?.raw);
  const pending = () => anvil.pendingOf(wallet.address);
  const minedCount = () => line.getTransactionCount(wallet.address, "latest");
  /** Mines, and lets the waiting look. */
  const mine = async () => {
    await anvil.mine();
    ticker.tick();
  };

  /** Every call is ready as soon as it is still wanted: in the order in which they left the line. */
  const estimateAtOnce = () => {
    line.lie = (method) => (method === "eth_estimateGas" ? { answer: toQuantity(100_000) } : undefined);
  };

  it("sends side by side, in the order they are ready, without a gap in the nonces", async () => {
    estimateAtOnce();
    const all = Array.from({ length: 20 }, (_, i) => submitter.send(call(`submit ${i}`)));
    await ticker.until(20);
    assert.deepEqual(
      open().map(({ nonce, purpose }) => [nonce, purpose]),
      all.map((_, i) => [i, `submit ${i}`]),
    );
    await mine();
    assert.deepEqual(
      await Promise.all(all),
      all.map(() => "mined"),
    );
    assert.equal(await minedCount(), 20);
    assert.deepEqual(open(), []);
    assert.equal(outcomes.length, 20);
  });

  /** As many calls as are looked at at once. */
  const lookedAt = (stillWanted: Call["stillWanted"]) =>
    Array.from({ length: 8 }, (_, i) => submitter.send(call(`ahead ${i}`, { stillWanted })));

  it("sends the most urgent of those that wait first", async () => {
    estimateAtOnce();
    const node = gate<void>();
    const ahead = lookedAt(() => node.promise.then(() => true));
    const waiting = [
      submitter.send(call("finalise")),
      submitter.send(call("show far", { urgency: { rank: Rank.InTime, due: 900 } })),
      submitter.send(call("show near", { urgency: { rank: Rank.InTime, due: 800 } })),
      submitter.send(call("trace", { urgency: { rank: Rank.First, due: 999 } })),
    ];
    node.open();
    await ticker.until(12);
    const purposes = open().map(({ purpose }) => purpose);
    assert.deepEqual(purposes.slice(8), ["trace", "show near", "show far", "finalise"]);
    await mine();
    await Promise.all([...ahead, ...waiting]);
  });

  it("sends what is due within ten minutes before traces that are due in an hour", async () => {
    estimateAtOnce();
    const node = gate<void>();
    const isSlow = () => node.promise.then(() => true);
    submitter.atBlock(7, NOW);
    const soon = { rank: Rank.InTime, due: NOW + 60 };
    const ahead = [
      ...lookedAt(isSlow),
      ...[8, 9, 10, 11].map((i) => submitter.send(call(`ahead ${i}`, { stillWanted: isSlow, urgency: soon }))),
    ];
    const waiting = [
      submitter.send(call("trace", { urgency: { rank: Rank.First, due: NOW + 3600 } })),
      submitter.send(call("answer", { urgency: { rank: Rank.InTime, due: NOW + 600 } })),
      submitter.send(call("open audit", { urgency: { rank: Rank.InTime, due: NOW + 300 } })),
    ];
    node.open();
    await ticker.until(15);
    const purposes = open().map(({ purpose }) => purpose);
    assert.deepEqual(purposes.slice(12), ["open audit", "answer", "trace"]);
    await mine();
    await Promise.all([...ahead, ...waiting]);
  });

  it("signs what is ready while the node is slow about what came before, each with the next nonce", async () => {
    const node = gate<void>();
    const slow = submitter.send(call("pay 3", { stillWanted: () => node.promise.then(() => true) }));
    const trace = submitter.send(call("trace", { urgency: { rank: Rank.First } }));
    await ticker.until(1);
    node.open();
    await ticker.until(2);
    assert.deepEqual(
      open().map(({ nonce, purpose }) => [nonce, purpose]),
      [
        [0, "trace"],
        [1, "pay 3"],
      ],
    );
    await mine();
    assert.deepEqual(await Promise.all([slow, trace]), ["mined", "mined"]);
  });

  it("keeps places for what is due soon, also as time passes, where the node is slow about all others", async () => {
    const node = gate<void>();
    const slow = lookedAt(() => node.promise.then(() => true));
    submitter.atBlock(7, NOW);
    const waiting = [
      submitter.send(call("trace", { urgency: { rank: Rank.First, due: NOW + 3600 } })),
      submitter.send(call("later", { urgency: { rank: Rank.InTime, due: NOW + 612 } })),
      submitter.send(call("reveal", { urgency: { rank: Rank.InTime, due: NOW + 600 } })),
    ];
    await ticker.until(1);
    assert.deepEqual(
      open().map(({ purpose }) => purpose),
      ["reveal"],
    );
    submitter.atBlock(8, NOW + 12);
    await ticker.until(2);
    assert.equal(open()[1]?.purpose, "later");
    node.open();
    await ticker.until(11);
    await mine();
    await Promise.all([...slow, ...waiting]);
  });

  it("has so many on their way that what is urgent never stands behind hundreds", async () => {
    estimateAtOnce();
    const answers = Array.from({ length: 100 }, (_, i) => submitter.send(call(`show ${i}`)));
    await ticker.until(64);
    const trace = submitter.send(call("trace", { urgency: { rank: Rank.First } }));
    assert.equal(open().length, 64);
    await mine();
    await ticker.until(37);
    assert.equal(open()[0]?.purpose, "trace");
    await mine();
    assert.equal(await trace, "mined");
    assert.deepEqual(new Set(await Promise.all(answers)), new Set(["mined"]));
  });

  it("asks for fees and gas once in a block, and again where the node failed", async () => {
    let asked = 0;
    let fails = true;
    line.lie = (method) => {
      if (method !== "eth_getBlockByNumber") return undefined;
      asked++;
      if (fails) throw new Error("no block");
      return undefined;
    };
    await assert.rejects(submitter.send(call("submit 1")));
    fails = false;
    asked = 0;
    const sent = [1, 2, 3].map((i) => submitter.send(call(`submit ${i}`)));
    await ticker.until(3);
    submitter.atBlock(7, NOW);
    submitter.atBlock(7, NOW);
    sent.push(submitter.send(call("submit 4")));
    await ticker.until(4);
    // For each block once for the fees and once for the gas.
    assert.equal(asked, 4);
    await mine();
    await Promise.all(sent);
  });

  it("leaves room for what the state may change, but never asks for more gas than a transaction may have", async () => {
    const limitFor = async (estimate: bigint) => {
      line.lie = (method) => (method === "eth_estimateGas" ? { answer: `0x${estimate.toString(16)}` } : undefined);
      const sent = submitter.send(call(`proof ${estimate}`));
      await ticker.until(1);
      const { gasLimit } = opened(open()[0]);
      await mine();
      await sent;
      return gasLimit;
    };
    assert.equal(await limitFor(100_000n), 130_000n);
    assert.equal(await limitFor(14_500_000n), 1n << 24n);
    assert.equal(await limitFor(1n << 24n), ((1n << 24n) * 130n) / 100n);
  });

  /** From now on a block has room for so much gas, and the call takes so much. */
  const limits = (block: bigint, needed: bigint) => {
    line.lie = (method) => {
      if (method === "eth_estimateGas") return { answer: toQuantity(needed) };
      return method === "eth_getBlockByNumber" ? { answer: { ...head, gasLimit: toQuantity(block) } } : undefined;
    };
  };
  let head: Record<string, unknown>;
  const lookAtHead = async () => {
    head = (await line.send("eth_getBlockByNumber", ["latest", false])) as Record<string, unknown>;
  };

  it("asks for no more gas than a block has: no node would take the transaction", async () => {
    await lookAtHead();
    limits(8_000_000n, 7_000_000n);
    const sent = submitter.send(call("submit"));
    await ticker.until(1);
    assert.equal(opened(open()[0]).gasLimit, 8_000_000n);
    line.lie = () => undefined;
    await mine();
    assert.equal(await sent, "mined");
  });

  it("signs nothing that takes more gas than a block has, or than the node allows, and says so", async () => {
    await lookAtHead();
    limits(8_000_000n, 8_000_001n);
    await assert.rejects(submitter.send(call("sum 3")), { name: "GasLimitError", message: /sum 3 takes 8000001 gas/ });
    line.lie = () => undefined;
    await line.send("anvil_setCode", [TARGET, ENDLESS]);
    await assert.rejects(submitter.send(call("sum 3")), {
      name: "GasLimitError",
      message: /has not the gas for sum 3/,
    });
    assert.deepEqual(open(), []);
  });

  it("has one call under way for each purpose, and then takes the next", async () => {
    const first = submitter.send(call("finalise"));
    const second = submitter.send(call("finalise"));
    await ticker.until(1);
    await mine();
    assert.deepEqual(await Promise.all([first, second]), ["mined", "mined"]);
    assert.equal(await minedCount(), 1);
    const third = submitter.send(call("finalise"));
    await ticker.until(1);
    await mine();
    assert.equal(await third, "mined");
    assert.equal(await minedCount(), 2);
  });

  it("signs nothing for a call that is no longer wanted", async () => {
    assert.equal(await submitter.send(call("submit 1", { stillWanted: () => Promise.resolve(false) })), "superseded");
    assert.deepEqual(open(), []);
    assert.deepEqual(await pending(), []);
  });

  it("signs nothing that the contract would refuse", async () => {
    await line.send("anvil_setCode", [TARGET, REFUSING]);
    assert.equal(await submitter.send(call("collect")), "refused");
    assert.deepEqual(open(), []);
  });

  it("goes on with the next call where one failed before it was signed", async () => {
    const failed = submitter.send(call("submit 1", { stillWanted: () => Promise.reject(new Error("no answer")) }));
    const next = submitter.send(call("submit 2"));
    await assert.rejects(failed, /no answer/);
    await ticker.until(1);
    await mine();
    assert.equal(await next, "mined");
    assert.equal(await minedCount(), 1);
  });

  it("writes a transaction to the journal before it sends it", async () => {
    let journaled = 0;
    line.lie = (method) => {
      if (method === "eth_sendRawTransaction") journaled = open().length;
      return undefined;
    };
    const sent = submitter.send(call("submit 1"));
    await ticker.until(1);
    assert.equal(journaled, 1);
    await mine();
    await sent;
  });

  it("says when a call reverted on chain", async () => {
    const sent = submitter.send(call("submit 1"));
    await ticker.until(1);
    await line.send("anvil_setCode", [TARGET, REFUSING]);
    await mine();
    assert.equal(await sent, "reverted");
    assert.deepEqual(open(), []);
  });

  it("replaces a stuck transaction by one that nodes take, up to its cap and never above", async () => {
    const first = submitter.send(call("submit 1"));
    await ticker.until(1);
    const start = opened(open()[0]).maxFeePerGas ?? 0n;
    const cap = (start * 15n) / 10n;
    submitter = restart({ maxFeePerGas: cap });
    await assert.rejects(first);
    submitter.recover();
    await ticker.rounds(6 * PATIENCE);

    const fees = open().map((sent) => opened(sent).maxFeePerGas ?? 0n);
    assert.ok(fees.length > 1);
    for (const [i, fee] of fees.slice(1).entries()) assert.ok(fee * 100n >= (fees[i] ?? 0n) * 110n, `${fee}`);
    // Whatever is left below the cap is too little for a node to take.
    const last = fees.at(-1) ?? 0n;
    assert.ok(last <= cap && last * 110n > cap * 100n, `${last} of ${cap}`);
    assert.deepEqual(await pending(), [open().at(-1)?.hash]);
    await mine();
    await settled();
    assert.deepEqual(outcomes, ["mined"]);
    assert.equal(await minedCount(), 1);
  });

  /** Ends this process and starts the next one. */
  function restart(options: Partial<SubmitterOptions> = {}): Submitter {
    stop.abort();
    return start(options);
  }

  /** Resolves when nothing is open any more. */
  async function settled(): Promise<void> {
    await eventually("every transaction ends", () => open().length === 0);
  }

  it("uses the cap rather than stop short of it", async () => {
    const sent = submitter.send(call("submit 1"));
    await ticker.until(1);
    const cap = ((opened(open()[0]).maxFeePerGas ?? 0n) * 112n) / 100n;
    submitter = restart({ maxFeePerGas: cap });
    await assert.rejects(sent);
    submitter.recover();
    await ticker.rounds(PATIENCE);
    assert.equal(opened(open().at(-1)).maxFeePerGas, cap);
    await mine();
    await settled();
  });

  it("never signs above its cap, not even where the network asks for more", async () => {
    submitter = start({ maxFeePerGas: 3n });
    const sent = submitter.send(call("submit 1"));
    await ticker.until(1);
    assert.equal(opened(open()[0]).maxFeePerGas, 3n);
    assert.ok((opened(open()[0]).maxPriorityFeePerGas ?? 4n) <= 3n);
    await ticker.rounds(2 * PATIENCE);
    assert.equal(open().length, 1);
    stop.abort();
    await assert.rejects(sent);
  });

  it("sends again what the node forgot", async () => {
    const sent = submitter.send(call("submit 1"));
    await ticker.until(1);
    const before = await pending();
    await anvil.forgetPending();
    assert.deepEqual(await pending(), []);
    await ticker.rounds(PATIENCE);
    assert.equal(before.length, 1);
    // Replaced in the same round, so the newest is what waits.
    assert.deepEqual(await pending(), [open().at(-1)?.hash]);
    await mine();
    assert.equal(await sent, "mined");
  });

  it("does not wait for ever above a nonce that a reorganisation took back", async () => {
    const first = submitter.send(call("submit 1"));
    await ticker.until(1);
    await mine();
    assert.equal(await first, "mined");
    const second = submitter.send(call("submit 2"));
    await ticker.until(1);
    assert.deepEqual(
      open().map(({ nonce }) => nonce),
      [1],
    );
    await anvil.reorg(1);
    await anvil.forgetPending();
    assert.equal(await minedCount(), 0);

    await ticker.rounds(5);
    await mine();
    assert.equal(await second, "mined");
    assert.equal(await minedCount(), 2);
  });

  it("signs for a nonce that a reorganisation freed before any later one", async () => {
    const first = submitter.send(call("submit 1"));
    await ticker.until(1);
    await mine();
    assert.equal(await first, "mined");
    const second = submitter.send(call("submit 2"));
    await ticker.until(1);
    await anvil.reorg(1);
    await anvil.forgetPending();
    const again = submitter.send(call("submit 1"));
    await ticker.until(2);
    assert.deepEqual(
      open().map(({ nonce, purpose }) => [nonce, purpose]),
      [
        [0, "submit 1"],
        [1, "submit 2"],
      ],
    );
    await ticker.rounds(5, 2);
    await mine();
    assert.deepEqual(await Promise.all([again, second]), ["mined", "mined"]);
  });

  it("takes up after a restart what it had signed, byte for byte", async () => {
    submitter = start({ patience: 1000 });
    line.lie = (method) => (method === "eth_sendRawTransaction" ? { answer: "0x" } : undefined);
    const lost = submitter.send(call("submit 1"));
    await ticker.until(1);
    line.lie = () => undefined;
    assert.deepEqual(await pending(), []);
    const [signed] = open();
    submitter = restart({ patience: 1000 });
    await assert.rejects(lost);

    submitter.recover();
    const joined = submitter.send(call("submit 1"));
    await ticker.rounds(5);
    assert.deepEqual(await pending(), [signed?.hash]);
    assert.equal(open().length, 1);
    await mine();
    assert.equal(await joined, "mined");
    assert.equal(await minedCount(), 1);
  });

  it("sends at once after a restart what was signed and never sent, in the order of the nonces", async () => {
    estimateAtOnce();
    const { lie } = line;
    line.lie = (method, words) => (method === "eth_sendRawTransaction" ? { answer: "0x" } : lie(method, words));
    const lost = [1, 2, 3].map((i) => submitter.send(call(`submit ${i}`)));
    await ticker.until(3);
    submitter = restart();
    for (const each of lost) await assert.rejects(each);

    const sent: string[] = [];
    line.lie = (method, [raw]) => {
      if (method === "eth_sendRawTransaction") sent.push(String(raw));
      return undefined;
    };
    submitter.recover();
    await ticker.until(3);
    assert.deepEqual(
      sent,
      open().map(({ raw }) => raw),
    );
    await mine();
    await settled();
    assert.equal(await minedCount(), 3);
  });

  it("takes up after a restart all that one transaction does, and sends none of it anew meanwhile", async () => {
    const lost = submitter.send(call(together(["show 1", "show 2"])));
    await ticker.until(1);
    submitter = restart();
    await assert.rejects(lost);

    submitter.recover();
    assert.ok(submitter.isUnderWay("show 1") && submitter.isUnderWay("show 2"));
    assert.ok(!submitter.isUnderWay("show 3"));
    const joined = submitter.send(call(together(["show 2", "show 3"])));
    await mine();
    assert.equal(await joined, "mined");
    assert.ok(!submitter.isUnderWay("show 1") && !submitter.isUnderWay("show 2"));
    assert.equal(await minedCount(), 1);
  });

  it("knows after a restart that any of its replacements may be the one that was mined", async () => {
    const sent = submitter.send(call("submit 1"));
    await ticker.until(1);
    await ticker.rounds(PATIENCE);
    assert.equal(open().length, 2);
    submitter = restart();
    await assert.rejects(sent);
    await anvil.mine();

    submitter.recover();
    await settled();
    // Whoever else looks after that nonce has looked by now.
    for (let i = 0; i < 10; i++) await minedCount();
    assert.deepEqual(outcomes, ["mined"]);
  });

  it("gives later calls later nonces after a restart", async () => {
    const first = submitter.send(call("submit 1"));
    await ticker.until(1);
    submitter = restart();
    await assert.rejects(first);
    submitter.recover();
    const second = submitter.send(call("submit 2"));
    await ticker.until(2);
    assert.deepEqual(
      open().map(({ nonce }) => nonce),
      [0, 1],
    );
    await mine();
    assert.equal(await second, "mined");
    await settled();
  });

  it("gives up a transaction whose nonce somebody else used", async () => {
    const sent = submitter.send(call("submit 1"));
    await ticker.until(1);
    await anvil.forgetPending();
    const { raw } = await signElsewhere(0);
    await line.send("eth_sendRawTransaction", [raw]);
    await mine();
    assert.equal(await sent, "superseded");
    assert.deepEqual(open(), []);
    const next = submitter.send(call("submit 1"));
    await ticker.until(1);
    assert.equal(open()[0]?.nonce, 1);
    await mine();
    assert.equal(await next, "mined");
  });

  /** Another process with the same key. */
  async function signElsewhere(nonce: number) {
    const raw = await wallet.signTransaction({
      type: 2,
      chainId: CHAIN_ID,
      nonce,
      to: TARGET,
      value: 1n,
      gasLimit: 50_000n,
      maxFeePerGas: 100n * GWEI,
      maxPriorityFeePerGas: GWEI,
    });
    return { raw };
  }

  it("does not take its own nonce for somebody else's where the receipt comes late", async () => {
    const sent = submitter.send(call("submit 1"));
    await ticker.until(1);
    let late = 1;
    line.lie = (method) => (method === "eth_getTransactionReceipt" && late-- > 0 ? { answer: null } : undefined);
    await mine();
    await ticker.until(1);
    ticker.tick();
    assert.equal(await sent, "mined");
  });

  it("does nothing and says so while the node is away, then works again", async () => {
    line.down = true;
    await assert.rejects(submitter.send(call("submit 1")), /ECONNREFUSED/);
    assert.deepEqual(open(), []);
    line.down = false;
    const sent = submitter.send(call("submit 1"));
    await ticker.until(1);
    await mine();
    assert.equal(await sent, "mined");
  });

  it("sends later what it signed just before the node went away", async () => {
    line.lie = (method) => {
      if (method !== "eth_sendRawTransaction") return undefined;
      line.down = true;
      throw new Error("socket hang up");
    };
    const sent = submitter.send(call("submit 1"));
    await ticker.rounds(3);
    line.down = false;
    line.lie = () => undefined;
    assert.deepEqual(await pending(), []);
    await ticker.rounds(PATIENCE);
    assert.equal((await pending()).length, 1);
    await mine();
    assert.equal(await sent, "mined");
    assert.equal(await minedCount(), 1);
  });

  it("signs nothing once it is told to stop", async () => {
    stop.abort();
    await assert.rejects(submitter.send(call("submit 1")), { name: "AbortError" });
    assert.deepEqual(open(), []);
  });
});
