import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { AuditDesk, roundOf } from "../../src/audits/office.js";
import { NOW, PROVIDER, Scene } from "../support/scene.js";

describe("What the audit office says", () => {
  let scene: Scene;
  let desk: AuditDesk;
  beforeEach(() => {
    scene = new Scene();
    desk = new AuditDesk(scene.context.contracts, PROVIDER);
    desk.look(NOW);
  });
  afterEach(() => {
    scene.journal.close();
  });

  it("puts a job into the first round asked for after it, the second of asking into the next", async () => {
    for (const askedAt of [100, 200, 300]) scene.office.drawn(askedAt, askedAt + 5);
    const { last, list } = await desk.rounds(1);
    assert.equal(last.round, 3n);
    const found = [1, 99, 100, 199, 200, 299, 300].map((at) => roundOf(list, at)?.round);
    assert.deepEqual(found, [1n, 1n, 2n, 2n, 3n, 3n, undefined]);
  });

  it("reads no more rounds than are asked about, and never too many", async () => {
    for (let askedAt = 100; askedAt <= 10_000; askedAt += 100) scene.office.drawn(askedAt, askedAt + 5);
    const { list } = await desk.rounds(9_900);
    assert.deepEqual(
      list.map(({ round }) => round),
      [100n, 99n],
    );
    assert.equal(roundOf(list, 9_899), undefined);
    assert.equal((await desk.rounds(1)).list.length, 33);
  });

  it("asks for a seed that is not known again each time, and keeps one that is for a minute", async () => {
    scene.office.asked(NOW);
    assert.equal((await desk.rounds(1)).last.recordedAt, 0);
    Object.assign(scene.office.rounds[1] ?? {}, { recordedAt: 7n });
    assert.equal((await desk.rounds(1)).last.recordedAt, 7);
    Object.assign(scene.office.rounds[1] ?? {}, { recordedAt: 8n });
    desk.look(NOW + 59);
    assert.equal((await desk.rounds(1)).last.recordedAt, 7);
    desk.look(NOW + 60);
    assert.equal((await desk.rounds(1)).last.recordedAt, 8);
  });

  it("keeps that there are no tickets for longer, unless some were bought", async () => {
    scene.office.member.tickets = 0n;
    assert.equal((await desk.membership(1n)).tickets, 0);
    assert.equal((await desk.membership(2n)).tickets, 0);
    scene.office.member.tickets = 2n;
    desk.look(NOW + 60);
    desk.bought(2n);
    assert.deepEqual([(await desk.membership(1n)).tickets, (await desk.membership(2n)).tickets], [0, 2]);
    desk.look(NOW + 600);
    assert.equal((await desk.membership(1n)).tickets, 2);
  });

  it("keeps it no longer because a node said once that it was much later", async () => {
    scene.office.member.tickets = 0n;
    desk.look(4_000_000_000);
    assert.equal((await desk.membership(1n)).tickets, 0);
    scene.office.member.tickets = 2n;
    desk.look(NOW);
    assert.equal((await desk.membership(1n)).tickets, 2);
  });

  it("is asked again after the node failed", async () => {
    const { audits } = scene.context.contracts;
    let fails = true;
    const away = { ...audits, AUDIT_PAY: () => (fails ? Promise.reject(new Error("away")) : Promise.resolve(9n)) };
    desk = new AuditDesk({ ...scene.context.contracts, audits: away as never }, PROVIDER);
    await assert.rejects(desk.rules(), /away/);
    fails = false;
    assert.equal((await desk.rules()).auditPay, 9n);
  });
});
