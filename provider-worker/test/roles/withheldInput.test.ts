import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import { packBundle } from "@assay/sdk";

import { Fetcher } from "../../src/content/fetcher.js";
import { Executor } from "../../src/jobs/executor.js";
import type { ModelCache } from "../../src/models/modelCache.js";
import { SpotCheck } from "../../src/roles/spotCheck.js";
import { Juror } from "../../src/roles/juror.js";
import type { Role, RoleContext } from "../../src/roles/role.js";
import { courtRun } from "../support/courtRuns.js";
import { eventually } from "../support/eventually.js";
import { FakeRunner, floats } from "../support/fakeRunner.js";
import { hash, NOW, OPERATOR, PROVIDER, Scene, STAKE_TOKEN, STRANGER } from "../support/scene.js";
import { newStore } from "../support/shelves.js";

const INPUT = packBundle(new Map([["x", floats(1, 2)]]), ["x"]);
const RIGHT = packBundle(new Map([["y", floats(2, 3)]]), ["y"]).root;
const WRONG = hash(0xbad);
const COMMIT = 2n;

/** What the provider's machine answers while it withholds the input. */
const WITHHELD = {
  "404": [404, "not here"],
  "403": [403, "not for you"],
  "410": [410, "gone"],
  "another bundle": [200, packBundle(new Map([["x", floats(9)]]), ["x"]).bytes],
  "no bundle at all": [200, "an error page"],
} as const;

describe("A provider that withholds the input for a moment", () => {
  let scene: Scene;
  let folder: string;
  let server: Server;
  let fetcher: Fetcher;
  let context: RoleContext;
  let answer: readonly [number, string | Uint8Array];
  let base: string;

  beforeEach(async () => {
    scene = new Scene();
    scene.balances.set(`${STAKE_TOKEN} ${OPERATOR}`, scene.bond);
    scene.trace = () => courtRun(0);
    folder = mkdtempSync(path.join(tmpdir(), "assay-withheld-"));
    server = createServer((_request, response) => {
      response.writeHead(answer[0]).end(answer[1]);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    fetcher = new Fetcher({ fileRoots: [], allowPrivate: true, timeoutMs: 60_000 });
    const providers = { providerOf: () => Promise.resolve({ endpoint: base }) } as never;
    const models = {
      isHere: () => Promise.resolve(true),
      use: (_id: bigint, act: (model: FakeRunner) => unknown) => act(new FakeRunner()),
    };
    const store = newStore(folder);
    const limits = { inputBytes: 5000, outputBytes: 5000 };
    const executor = new Executor(
      { providers },
      store,
      fetcher,
      models as unknown as ModelCache,
      limits,
      scene.metrics,
    );
    context = { ...scene.context, executor };
    scene.requested(1, { provider: STRANGER, inputCommitment: INPUT.root });
  });
  afterEach(async () => {
    await fetcher.stop();
    server.close();
    server.closeAllConnections();
    scene.journal.close();
    rmSync(folder, { recursive: true });
  });
  const drawn = () => {
    scene.happened("JurorsDrawn", 3, { jobId: "1", round: "1", jurors: [PROVIDER] });
    scene.phase.set("3", COMMIT);
  };
  const seen = (count: number) => eventually(`${count} refusals are logged`, () => scene.warnings.length === count);
  /** The first try, then one as late as pauses may make it. */
  const tryTwice = async (make: () => Role, restarted: boolean) => {
    let role = make();
    await role.tick(NOW);
    await seen(1);
    answer = [200, INPUT.bytes];
    if (restarted) role = make();
    await role.tick(NOW + 30);
    await eventually("something is sent", () => scene.sent.length > 0);
  };

  for (const [how, withheld] of Object.entries(WITHHELD)) {
    it(`by ${how} does not escape the audit`, async () => {
      scene.submitted(1, WRONG, { provider: STRANGER });
      answer = withheld;
      await tryTwice(() => new SpotCheck(context, { sampleRate: 1, concurrency: 1, secret: "" }), how === "410");
      assert.equal(scene.calls("challenge").length, 1);
    });

    it(`by ${how} is judged by the juror all the same`, async () => {
      drawn();
      answer = withheld;
      await tryTwice(() => new Juror(context, []), how === "410");
      assert.equal(scene.calls("commitVote")[0]?.args[2], RIGHT);
    });
  }

  it("for the whole vote leaves the juror to abstain at the last call, not before", async () => {
    drawn();
    answer = WITHHELD["404"];
    const juror = new Juror(context, []);
    await juror.tick(NOW);
    await seen(1);
    await juror.tick(scene.commitEnd - 61);
    await seen(2);
    assert.deepEqual(scene.sent, []);
    await juror.tick(scene.commitEnd - 60);
    await eventually("the juror abstains", () => scene.calls("commitVote").length === 1);
    assert.equal(scene.calls("commitVote")[0]?.args[2], hash(1));
  });
});
