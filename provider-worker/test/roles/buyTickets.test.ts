import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { ContractRevertError } from "@assay/sdk";

import { AuditDesk } from "../../src/audits/office.js";
import { BuyTickets } from "../../src/roles/buyTickets.js";
import { calm, PROVIDER, Scene, STRANGER } from "../support/scene.js";

describe("Audit tickets", () => {
  let scene: Scene;
  let tickets: BuyTickets;
  beforeEach(() => {
    scene = new Scene();
    scene.office.member.tickets = 1n;
    start(3);
  });
  afterEach(() => {
    scene.journal.close();
  });
  const start = (wanted: number) => {
    const desk = new AuditDesk(scene.context.contracts, PROVIDER);
    tickets = new BuyTickets(scene.context, desk, { tickets: wanted, models: [7n] });
    scene.outcome = () => {
      scene.office.member.tickets = BigInt(wanted);
      return "mined";
    };
  };
  const tick = async () => {
    await tickets.tick();
    await calm();
  };

  it("are bought as far as they are missing, once", async () => {
    await tick();
    await tick();
    assert.deepEqual(
      scene.sent.map(({ name, args }) => [name, args[0], args[2]]),
      [["enrol", 7n, 2n]],
    );
  });

  it("are not bought where none are wanted", async () => {
    start(0);
    await tick();
    assert.deepEqual(scene.sent, []);
  });

  it("are not bought again in this run when one was lost, which is told", async () => {
    await tick();
    await tick();
    scene.office.member.tickets = 2n;
    scene.happened("TicketLost", 1, { jobId: 1, modelId: "7", auditor: PROVIDER, amount: "5" });
    scene.happened("TicketLost", 1, { jobId: 1, modelId: "7", auditor: STRANGER, amount: "5" });
    await tick();
    await tick();
    assert.equal(scene.sent.length, 1);
    assert.equal(scene.warnings.length, 1);
    assert.match(scene.warnings[0] ?? "", /audit ticket lost/);
  });

  it("are bought again after a transaction that failed", async () => {
    scene.outcome = () => "reverted";
    await tick();
    await tick();
    assert.equal(scene.sent.length, 2);
  });

  it("say once why they cannot be bought, and are bought when they can", async () => {
    scene.office.refused = new ContractRevertError("ProviderStaking_InsufficientFree", {});
    await tick();
    await tick();
    assert.deepEqual(scene.sent, []);
    assert.equal(scene.warnings.length, 1);
    assert.match(scene.warnings[0] ?? "", /cannot buy audit tickets yet/);
    scene.office.refused = undefined;
    await tick();
    assert.equal(scene.sent.length, 1);
  });
});
