import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";

import { Needs } from "../../src/jobs/needs.js";
import { Serve } from "../../src/roles/serve.js";
import { calm, hash, NOW, PROVIDER, Scene, STRANGER, TOKEN } from "../support/scene.js";

const filesOf = (model: number) => [hash(1000 + model), hash(2000 + model)];
const sorted = (names: Iterable<string>) => [...names].sort();
const filesOfAll = (...models: number[]) => sorted(models.flatMap(filesOf));

describe("What must stay in the content store", () => {
  let scene: Scene;
  let needs: Needs;
  let readUntil: number;
  let inUse: string[];
  /** How many offers the provider has for each model now. */
  let offers: Map<string, bigint>;
  beforeEach(() => {
    scene = new Scene();
    readUntil = NOW;
    inUse = [];
    offers = new Map();
    const offerCountOf = (_provider: string, model: bigint) => Promise.resolve(offers.get(String(model)) ?? 0n);
    needs = new Needs({
      journal: scene.journal,
      provider: scene.context.provider,
      operator: scene.context.operator,
      contracts: { providers: { offerCountOf } } as never,
      models: {
        hashesOf: (models) => Promise.resolve([...models].flatMap((model) => filesOf(Number(model)))),
        filesInUse: () => new Set(inUse),
      },
      named: [9n],
      prosecutes: true,
      readUntil: () => readUntil,
    });
  });
  afterEach(() => {
    scene.journal.close();
  });
  const offered = async (...models: number[]) => {
    for (const model of models) scene.happened("OfferSet", model, { provider: PROVIDER, token: TOKEN });
    await new Serve(scene.context, 1).tick(NOW);
    await calm();
  };

  it("are the files of models of own jobs, offers and settings, whoever runs what meanwhile", async () => {
    await offered(4, 5);
    offers.set("4", 1n);
    scene.requested(1, { modelId: 6n });
    scene.requested(2, { modelId: 7n, provider: STRANGER });
    inUse = filesOf(7);
    const { own, others } = await needs.files();
    assert.deepEqual(sorted(own), filesOfAll(4, 6, 9));
    assert.deepEqual(sorted(others), filesOfAll(7));
  });

  it("are the files of models that it audits, judges or prosecutes", async () => {
    for (const [job, modelId] of [
      [1, 11n],
      [2, 12n],
      [3, 13n],
    ] as const) {
      scene.requested(job, { modelId, provider: STRANGER });
      scene.submitted(job, hash(0xf00d), { provider: STRANGER });
    }
    scene.happened("AuditCommitted", 1, { jobId: "1", auditor: PROVIDER, provider: STRANGER });
    scene.happened("JurorsDrawn", 5, { jobId: "2", round: "1", jurors: [PROVIDER] });
    scene.courtCase(6, 3, hash(0xf00d), STRANGER);
    const { own, others } = await needs.files();
    assert.deepEqual([sorted(own), sorted(others)], [filesOfAll(9, 11, 12), filesOfAll(13)]);
  });

  it("are the tensors of own jobs apart from those of cases of others", () => {
    scene.requested(1);
    scene.requested(2, { provider: STRANGER });
    scene.courtCase(3, 2, hash(0xf00d), STRANGER);
    assert.deepEqual(needs.tensors(), { own: new Set([hash(1)]), others: new Set([hash(2)]) });
  });

  it("are all of an own job's for as long as no block was read after its end", () => {
    scene.requested(1);
    for (const [until, kept] of [
      [0, 1],
      [NOW + 4_100, 1],
      [NOW + 4_101, 0],
    ] as const) {
      readUntil = until;
      assert.equal(needs.tensors().own.size, kept, `${until}`);
    }
  });

  it("are not known where the node does not answer: nothing is let go then", async () => {
    await offered(4);
    const down = new Needs({
      journal: scene.journal,
      provider: scene.context.provider,
      operator: scene.context.operator,
      contracts: { providers: { offerCountOf: () => Promise.reject(new Error("no answer")) } } as never,
      models: { hashesOf: () => Promise.resolve([]), filesInUse: () => new Set() },
      named: [],
      prosecutes: false,
      readUntil: () => readUntil,
    });
    await assert.rejects(down.files(), /no answer/);
  });
});
