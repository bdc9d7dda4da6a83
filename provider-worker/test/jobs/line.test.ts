import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { Gate } from "../../src/jobs/gate.js";
import type { Urgency } from "../../src/jobs/line.js";
import { Line } from "../../src/jobs/line.js";
import { calm, gate } from "../support/scene.js";

describe("A waiting line", () => {
  const lineOf = (...waiting: readonly [string, Urgency?][]) => {
    const line = new Line<string>();
    for (const [key, urgency] of waiting) line.put(key, key, urgency);
    return line;
  };
  const all = (line: Line<string>) => Array.from({ length: line.size }, () => line.next());

  it("lets them go in the order they came where nothing tells them apart", () => {
    assert.deepEqual(all(lineOf(["a"], ["b"], ["c"])), ["a", "b", "c"]);
    assert.equal(lineOf().next(), undefined);
  });

  it("lets the lower rank go first, then the nearer deadline, then what has none", () => {
    const line = lineOf(["none"], ["far", { due: 9 }], ["near", { due: 5 }], ["last", { rank: 1, due: 1 }]);
    assert.deepEqual(all(line), ["near", "far", "none", "last"]);
  });

  it("lets what is due soon go by its deadline, whatever its rank and group, once it is told the clock", () => {
    const waiting: readonly [string, Urgency][] = [
      ["trace due in an hour", { rank: 0, due: 4600 }],
      ["trace due in nine minutes", { rank: 0, due: 1540 }],
      ["answer due in ten minutes", { rank: 1, due: 1600 }],
      ["answer due in more", { rank: 1, due: 1601 }],
      ["opening due in five minutes", { rank: 1, group: "other", due: 1300 }],
      ["trace due then too", { rank: 0, due: 1300 }],
      ["too late", { rank: 1, due: 999 }],
      ["no deadline", { rank: 0 }],
    ];
    const line = lineOf(...waiting);
    line.tick(1000);
    assert.deepEqual(all(line), [
      "trace due then too",
      "opening due in five minutes",
      "trace due in nine minutes",
      "answer due in ten minutes",
      "trace due in an hour",
      "no deadline",
      "too late",
      "answer due in more",
    ]);
    assert.deepEqual(all(lineOf(...waiting)).slice(0, 3), [
      "trace due then too",
      "trace due in nine minutes",
      "trace due in an hour",
    ]);
  });

  it("lets what was not due soon go first once it is", () => {
    const line = lineOf(
      ["trace", { rank: 0, due: 5000 }],
      ["a", { rank: 1, due: 1700 }],
      ["b", { rank: 1, due: 1800 }],
    );
    line.tick(1000);
    assert.equal(line.next(), "trace");
    line.put("trace", "trace", { rank: 0, due: 5000 });
    line.tick(1100);
    assert.deepEqual(all(line), ["a", "trace", "b"]);
  });

  it("lets who keeps its rank go before nobody of a lower one, however soon it is due", () => {
    const job: Urgency = { rank: 1, due: 1001, keepsRank: true };
    const line = lineOf(["job", job], ["vote", { rank: 1, due: 1600 }], ["trace", { rank: 0, due: 5000 }]);
    line.tick(1000);
    assert.equal(line.nextDueSoon(), "vote");
    assert.equal(line.nextDueSoon(), undefined);
    line.put("later", "later", { rank: 1, due: 1700 });
    assert.deepEqual(all(line), ["trace", "job", "later"]);
  });

  it("tells apart who is due soon", () => {
    const line = lineOf(["trace", { rank: 0, due: 5000 }], ["vote", { rank: 1, due: 1600 }]);
    assert.equal(line.nextDueSoon(), undefined);
    line.tick(1000);
    assert.equal(line.nextDueSoon(), "vote");
    assert.equal(line.nextDueSoon(), undefined);
    assert.equal(line.next(), "trace");
  });

  it("gives groups turns, however much one of them has and however near its deadlines", () => {
    const shams = Array.from({ length: 4 }, (_, i): [string, Urgency] => [`sham ${i}`, { group: "cheat", due: i }]);
    const line = lineOf(...shams, ["one", { group: "other", due: 99 }], ["two", { group: "other", due: 98 }]);
    assert.deepEqual(all(line), ["sham 0", "two", "sham 1", "one", "sham 2", "sham 3"]);
  });

  it("lets who comes late to a line of others go next", () => {
    const line = lineOf(["a", { group: "a" }], ["b", { group: "a" }], ["c", { group: "a" }]);
    line.next();
    line.put("late", "late", { group: "b" });
    assert.deepEqual(all(line), ["late", "b", "c"]);
  });

  it("keeps the place of a key that comes again, as urgent as it is now", () => {
    const line = lineOf(["a"], ["b"]);
    line.put("a", "a again");
    assert.equal(line.next(), "a again");
    line.put("c", "c");
    line.put("c", "c", { rank: -1 });
    line.delete("d");
    assert.deepEqual(all(line), ["c", "b"]);
  });
});

describe("A gate", () => {
  it("lets so many through at once, then the most urgent", async () => {
    const open = new Gate(2);
    const begun: string[] = [];
    const acts = new Map(["a", "b", "c", "d"].map((name) => [name, gate<void>()]));
    const pass = (name: string, urgency?: Urgency) =>
      open.pass(() => {
        begun.push(name);
        return acts.get(name)?.promise ?? Promise.reject(new Error(name));
      }, urgency);
    const all = [pass("a"), pass("b"), pass("c"), pass("d", { rank: -1 })];
    await calm();
    assert.deepEqual(begun, ["a", "b"]);
    acts.get("a")?.fail(new Error("a failed"));
    await assert.rejects(all[0] ?? Promise.resolve(), /a failed/);
    await calm();
    assert.deepEqual(begun, ["a", "b", "d"]);
    for (const { open: end } of acts.values()) end();
    await Promise.all(all.slice(1));
    assert.deepEqual(begun, ["a", "b", "d", "c"]);
  });
});
