import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import type { AssayContracts } from "@assay/sdk";
import { GasLimitError, Ruling } from "@assay/sdk";

import type { Call, Submitter } from "../../src/chain/submitter.js";
import { Resolve } from "../../src/roles/resolve.js";
import type { SentCall } from "../support/scene.js";
import { address, calm, DEPLOYMENT, gate, hash, NOW, Scene, STRANGER } from "../support/scene.js";

describe("Resolving", () => {
  let scene: Scene;
  let resolve: Resolve;
  beforeEach(() => {
    scene = new Scene();
    resolve = new Resolve(scene.context, { everyCase: true });
  });
  afterEach(() => {
    scene.journal.close();
  });
  const tick = async () => {
    await resolve.tick();
    await calm();
  };
  const opened = (id: number, job: number, arbiter = DEPLOYMENT.jury) => {
    scene.happened("CaseOpened", id, { jobId: String(job), arbiter, outputCommitment: hash(job) });
  };
  /** Resolved cases that are not paid for. */
  const waiting = () => [...scene.journal.notes("unpaid ").keys()];
  const purposes = () => scene.sent.map(({ purpose }) => purpose);

  it("carries out a ruling as soon as there is one", async () => {
    scene.requested(1);
    opened(3, 1);
    await tick();
    assert.deepEqual(scene.sent, []);
    scene.rulings.set("3", Ruling.Upheld);
    await tick();
    const [call] = scene.calls("resolve");
    assert.equal(call?.args[0], 3n);
    assert.equal((call?.args[1] as bigint[])[0], 1n);
  });

  it("asks the node about some of many open cases at each look, and about each in its turn", async () => {
    const asked: string[] = [];
    scene.rulings.get = (id) => {
      asked.push(id);
      return undefined;
    };
    for (let id = 1; id <= 40; id++) opened(id, 1);
    await tick();
    await calm();
    assert.ok(asked.length <= 16, `${asked.length} at once`);
    for (let look = 0; look < 4; look++) {
      await tick();
      await calm();
    }
    assert.ok(asked.length <= 5 * 16);
    assert.equal(new Set(asked).size, 40);
  });

  it("leaves a case that somebody else resolved", async () => {
    scene.requested(1);
    opened(3, 1);
    scene.rulings.set("3", Ruling.Upheld);
    scene.caseRuling = Ruling.Upheld;
    await tick();
    assert.deepEqual(scene.sent, []);
  });

  it("is not held up by cases about jobs it does not know", async () => {
    for (let id = 1; id <= 6; id++) {
      opened(id, 90 + id);
      scene.rulings.set(String(id), Ruling.Rejected);
    }
    scene.requested(1);
    opened(7, 1);
    scene.rulings.set("7", Ruling.Rejected);
    await tick();
    assert.deepEqual(purposes(), ["resolve 7"]);
    assert.match(scene.warnings.join(""), /job 91 is not in the journal: start the worker from an earlier block/);
  });

  it("counts the votes of a case whose jurors are all gone, and leaves it alone while they may act", async () => {
    opened(3, 1);
    scene.phase.set("3", 3n);
    await tick();
    assert.deepEqual(scene.sent, []);
    scene.phase.set("3", 4n);
    await tick();
    assert.deepEqual(purposes(), ["close 3"]);
  });

  it("pays the jurors of a resolved case, once", async () => {
    opened(3, 1);
    scene.happened("CaseResolved", 3);
    scene.outcome = () => {
      scene.juryPaid = true;
      return "mined";
    };
    await tick();
    await tick();
    assert.deepEqual(purposes(), ["pay 3"]);
    resolve = new Resolve(scene.context, { everyCase: true });
    scene.juryPaid = false;
    await tick();
    assert.equal(scene.sent.length, 1);
  });

  it("pays them again where that came to nothing", async () => {
    opened(3, 1);
    scene.happened("CaseResolved", 3);
    scene.outcome = () => "reverted";
    await tick();
    await tick();
    assert.equal(scene.sent.length, 2);
  });

  it("reads a resolved case once, whatever becomes of it and however many there were before", async () => {
    const { journal } = scene;
    const read: number[] = [];
    const takeNew = journal.takeNew.bind(journal);
    journal.takeNew = (reader, name, take) => {
      takeNew(reader, name, (event) => {
        read.push(Number(event.key));
        take(event);
      });
    };
    const events = journal.events.bind(journal);
    journal.events = (name, key) => {
      assert.ok(key !== undefined, `every ${name} is read`);
      return events(name, key);
    };
    for (const id of [3, 4]) {
      opened(id, id);
      scene.happened("CaseResolved", id);
    }
    scene.outcome = () => "reverted";
    await tick();
    resolve = new Resolve(scene.context, { everyCase: true });
    opened(5, 5);
    scene.happened("CaseResolved", 5);
    await tick();
    assert.deepEqual(read, [3, 4, 5]);
    assert.deepEqual(waiting(), ["3", "4", "5"]);
    scene.juryPaid = true;
    await tick();
    assert.deepEqual(waiting(), []);
  });

  it("pays nobody for a ruling that a reorganisation took back, and for it again once it is there again", async () => {
    opened(3, 1);
    scene.happened("CaseResolved", 3);
    scene.outcome = () => "reverted";
    await tick();
    scene.reorganise(1);
    await tick();
    assert.equal(scene.sent.length, 1);
    scene.happened("CaseResolved", 3);
    await tick();
    assert.deepEqual(purposes(), ["pay 3", "pay 3"]);
  });

  it("notes that somebody else paid them", async () => {
    opened(3, 1);
    scene.happened("CaseResolved", 3);
    scene.juryPaid = true;
    await tick();
    assert.deepEqual(scene.sent, []);
    assert.deepEqual(waiting(), []);
  });

  describe("before an arbiter that is not the jury", () => {
    it("carries out its ruling, and counts no votes", async () => {
      scene.requested(1);
      opened(3, 1, address(0xa4b));
      scene.phase.set("3", 4n);
      await tick();
      assert.deepEqual(purposes(), []);
      scene.rulings.set("3", Ruling.Rejected);
      await tick();
      assert.deepEqual(purposes(), ["resolve 3"]);
    });

    it("pays nobody", async () => {
      opened(3, 1, address(0xa4b));
      scene.happened("CaseResolved", 3);
      await tick();
      assert.deepEqual(purposes(), []);
      assert.deepEqual(waiting(), []);
    });
  });

  describe("before the proof court", () => {
    const part = { tensor: "5", level: "0", index: "1" };
    beforeEach(() => {
      opened(3, 1, DEPLOYMENT.court);
      scene.happened("PartDemanded", 3, { part, replyBy: String(NOW) });
      scene.demands.set("3 5 0 1", { deadline: BigInt(NOW), answered: true });
      scene.happened("CaseResolved", 3);
      scene.outcome = ({ name }) => {
        if (name === "payDemandFee") scene.demands.clear();
        return "mined";
      };
    });

    const names = () => scene.sent.map(({ name }) => name);

    it("sends fees where the ruling says, each once, in one transaction", async () => {
      await tick();
      assert.deepEqual(names(), ["payDemandFee"]);
      await tick();
      await tick();
      assert.equal(scene.transactions, 1);
      assert.deepEqual(waiting(), []);
    });

    it("leaves out what somebody else paid, also between two looks", async () => {
      demanded(1);
      scene.meanwhile = () => {
        scene.demands.delete("3 5 0 1");
      };
      await tick();
      assert.deepEqual(names(), []);
      await tick();
      assert.deepEqual(
        scene.calls("payDemandFee").map(({ args }) => args[1]),
        [[5n, 0n, 10n]],
      );
    });

    /** So many demands of the case, answered and not paid for yet. */
    const demanded = (count: number) => {
      for (let i = 0; i < count; i++) {
        scene.happened("PartDemanded", 3, { part: { ...part, index: String(10 + i) }, replyBy: String(NOW) });
        scene.demands.set(`3 5 0 ${10 + i}`, { deadline: BigInt(NOW), answered: true });
      }
    };
    /** As the court does: a demand whose fee is paid is gone. */
    const pay = ({ name, args }: SentCall) => {
      if (name === "payDemandFee") scene.demands.delete(`3 ${(args[1] as bigint[]).join(" ")}`);
      return "mined" as const;
    };

    it("looks before each transaction only at what goes in it, at all of that at once", async () => {
      demanded(300);
      let looks = 0;
      const get = scene.demands.get.bind(scene.demands);
      scene.demands.get = (key) => {
        looks++;
        return get(key);
      };
      const atOnce: number[] = [];
      scene.meanwhile = () => {
        looks = 0;
        queueMicrotask(() => atOnce.push(looks));
      };
      const inAll: number[] = [];
      const fees: number[] = [];
      scene.outcome = (call) => {
        const at = scene.transactions - 1;
        inAll[at] = looks;
        if (call.name === "payDemandFee") fees[at] = (fees[at] ?? 0) + 1;
        return pay(call);
      };
      await tick();
      assert.ok(fees.length > 1);
      assert.deepEqual(atOnce, fees);
      assert.deepEqual(inAll, fees);
      assert.deepEqual(waiting(), []);
    });

    /** A worker before a node that has the gas for so many payments in one transaction, and how many were tried. */
    const nodeFor = (most: number, onRefusal: () => void = () => undefined) => {
      const tried: number[] = [];
      const { context } = scene;
      const { contracts, submitter } = context;
      const send = (call: Call) => {
        const several = contracts.court.interface.parseTransaction({ data: call.data })?.name === "multicall";
        const [all] = several
          ? (contracts.court.interface.decodeFunctionData("multicall", call.data) as unknown as [string[]])
          : [[call.data]];
        tried.push(all.length);
        if (all.length <= most) return submitter.send(call);
        onRefusal();
        return Promise.reject(new GasLimitError("the node has not the gas"));
      };
      const isUnderWay = () => false;
      resolve = new Resolve(
        { ...context, submitter: { send, isUnderWay } as unknown as Submitter },
        { everyCase: true },
      );
      return tried;
    };

    it("goes on in halves where the node has not the gas for a transaction", async () => {
      demanded(100);
      scene.outcome = pay;
      const tried = nodeFor(40);
      await tick();
      assert.deepEqual(tried, [101, 51, 26, 25, 50, 25, 25]);
      assert.equal(scene.calls("payDemandFee").length, 101);
      assert.deepEqual(waiting(), []);
    });

    it("tries again later where not even one payment goes through, and does not try each of them", async () => {
      demanded(100);
      const tried = nodeFor(0);
      await tick();
      assert.deepEqual(tried, [101, 51, 26, 13, 7, 4, 2, 1]);
      assert.match(scene.warnings.at(-1) ?? "", /case not resolved yet/);
      assert.deepEqual(waiting(), ["3"]);
    });

    it("tries nothing more once it is told to stop", async () => {
      demanded(100);
      const tried = nodeFor(40, () => {
        scene.stop.abort();
      });
      await tick();
      assert.deepEqual(tried, [101]);
    });

    it("pays nothing again that is on its way from before a restart, and what is left once that ended", async () => {
      const mined = gate<void>();
      scene.outcome = (call) => mined.promise.then(() => pay(call));
      await tick();
      assert.deepEqual(names(), ["payDemandFee"]);
      demanded(1);
      resolve = new Resolve(scene.context, { everyCase: true });
      await tick();
      assert.equal(scene.sent.length, 1);
      assert.deepEqual(waiting(), ["3"]);
      mined.open();
      await calm();
      await tick();
      assert.deepEqual(
        scene
          .calls("payDemandFee")
          .slice(1)
          .map(({ args }) => args[1]),
        [[5n, 0n, 10n]],
      );
      assert.deepEqual(waiting(), []);
    });

    it("asks of many payments at once whether they are still to be made, but not of all", async () => {
      demanded(100);
      const { context } = scene;
      const { court } = context.contracts;
      let [asking, most] = [0, 0];
      const node = gate<void>();
      const demandOf = async () => {
        most = Math.max(most, ++asking);
        await node.promise;
        asking--;
        return { deadline: 0n };
      };
      const contracts = { ...context.contracts, court: { ...court, demandOf } } as unknown as AssayContracts;
      resolve = new Resolve({ ...context, contracts }, { everyCase: true });
      await tick();
      assert.equal(asking, 32);
      node.open();
      await calm();
      assert.deepEqual([asking, most], [0, 32]);
      assert.deepEqual(names(), []);
    });

    it("goes on with what is left after a restart", async () => {
      demanded(1);
      scene.outcome = () => "reverted";
      await tick();
      assert.deepEqual(names(), ["payDemandFee", "payDemandFee"]);
      scene.demands.delete("3 5 0 1");
      resolve = new Resolve(scene.context, { everyCase: true });
      await tick();
      assert.deepEqual(names(), ["payDemandFee", "payDemandFee", "payDemandFee"]);
    });

    describe("whose ruling is not carried out yet", () => {
      beforeEach(() => {
        scene.requested(1);
        opened(4, 1, DEPLOYMENT.court);
        scene.happened("PartDemanded", 4, { part, replyBy: String(NOW) });
        scene.demands.clear();
        scene.demands.set("4 5 0 1", { deadline: BigInt(NOW), answered: true });
        scene.rulings.set("4", Ruling.Upheld);
      });

      it("carries it out and pays its fees in one transaction", async () => {
        await tick();
        assert.deepEqual(names(), ["resolve", "payDemandFee"]);
        assert.equal(scene.transactions, 1);
      });

      it("carries it out alone where the node has not the gas for both", async () => {
        nodeFor(1);
        await tick();
        assert.deepEqual(names(), ["resolve"]);
        assert.match(scene.warnings.join(""), /not resolved with its fees/);
      });

      it("carries it out alone where somebody paid one of the fees first, and both were reverted", async () => {
        const byTransaction: string[][] = [];
        scene.outcome = ({ name }) => {
          (byTransaction[scene.transactions - 1] ??= []).push(name);
          return scene.transactions === 1 ? "reverted" : "mined";
        };
        await tick();
        assert.deepEqual(byTransaction, [["resolve", "payDemandFee"], ["resolve"]]);
      });

      it("carries it out alone if nothing was demanded, or all is paid", async () => {
        scene.demands.clear();
        await tick();
        assert.deepEqual(names(), ["resolve"]);
      });
    });
  });

  it("sees to its own provider's cases only where it is told so", async () => {
    resolve = new Resolve(scene.context, { everyCase: false });
    scene.requested(1);
    scene.requested(2, { provider: STRANGER });
    for (const job of [1, 2]) {
      opened(10 + job, job);
      scene.rulings.set(String(10 + job), Ruling.Rejected);
    }
    opened(13, 99);
    await tick();
    assert.deepEqual(purposes(), ["resolve 11"]);
    scene.happened("CaseResolved", 11);
    scene.happened("CaseResolved", 12);
    await tick();
    assert.deepEqual(purposes(), ["resolve 11", "pay 11"]);
  });
});
