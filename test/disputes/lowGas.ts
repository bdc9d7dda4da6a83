import { expect } from "chai";
import { commitTrace, initHash } from "@assay/sdk";
import type { JsonRpcProvider } from "ethers";
import { BrowserProvider, parseEther, toQuantity, Wallet } from "ethers";
import pino from "pino";

import { decodeEvent, followedEvents } from "../../provider-worker/src/chain/events.js";
import { LogReader } from "../../provider-worker/src/chain/logReader.js";
import type { Call } from "../../provider-worker/src/chain/submitter.js";
import { Submitter } from "../../provider-worker/src/chain/submitter.js";
import { Journal } from "../../provider-worker/src/jobs/journal.js";
import { Metrics } from "../../provider-worker/src/metrics.js";
import { Prosecute } from "../../provider-worker/src/roles/prosecute.js";
import type { RoleContext } from "../../provider-worker/src/roles/role.js";
import { judgeHere } from "../../provider-worker/test/support/judgeHere.js";
import { RULING } from "../support/assemble.js";
import { connection, ethers, networkHelpers } from "../support/fixture.js";
import type { LongSum } from "../support/longSums.js";
import { infinities, integers, longCase, product } from "../support/longSums.js";
import { answer, demand } from "../support/proofs.js";

type LongCase = Awaited<ReturnType<typeof longCase>>;

/** A worker's prosecutor on the test chain, with a key of its own, and what it needs to start anew. */
async function prosecutor({ market, model, honest }: LongCase) {
  const trace = commitTrace(model, honest);
  const provider = new BrowserProvider(connection.provider, undefined, { cacheTimeout: -1 });
  const wallet = new Wallet(Wallet.createRandom().privateKey, provider);
  await networkHelpers.setBalance(wallet.address, parseEther("10"));
  const journal = new Journal(":memory:");
  const addresses = await Promise.all([market.market, market.disputes, market.court].map((each) => each.getAddress()));
  const reader = new LogReader(provider, journal, {
    ...{ addresses, startBlock: 1, events: followedEvents(undefined), decode: decodeEvent },
    ...{ confirmations: 0, chunkBlocks: 1000, overlapBlocks: 0 },
  });
  await reader.poll();

  const { chainId } = await provider.getNetwork();
  const submitter = new Submitter(wallet, provider as unknown as JsonRpcProvider, chainId, journal, {
    ...{ pollMs: 0, patience: 10, maxFeePerGas: 10n ** 12n, signal: new AbortController().signal },
    delay: () => new Promise((resolve) => setImmediate(resolve)),
  });
  const warnings: string[] = [];
  /** Prosecutes until the court has a proof, or until so many parts were mined and the process is killed. */
  const prosecute = (kill = Infinity): Promise<void> =>
    new Promise((resolve, reject) => {
      let mined = 0;
      const send = async (call: Call) => {
        if (mined >= kill) {
          resolve();
          return "superseded";
        }
        const outcome = await submitter.send(call);
        mined++;
        if (call.purpose.startsWith("prove")) resolve();
        return outcome;
      };
      const context = {
        ...{ journal, submitter: { send }, provider: wallet.address, operator: wallet.address, metrics: new Metrics() },
        contracts: {
          ...{ court: market.court.connect(wallet), escrow: market.escrow.connect(wallet) },
          disputes: market.disputes.connect(wallet),
        },
        executor: { execute: () => Promise.resolve({ root: trace.outputRoot }) },
        tracer: {
          hold: <T>(_terms: unknown, act: () => Promise<T>) => act(),
          fetch: () => Promise.resolve(),
          trace: () => Promise.resolve({ model, trace }),
        },
        ...{ judge: judgeHere, keptRunBytes: 0 },
        signal: new AbortController().signal,
        log: pino({ level: "warn" }, { write: (line: string) => warnings.push(line) }),
      } as unknown as RoleContext;
      new Prosecute(context).tick(0).catch(reject);
    });
  return { prosecute, wallet, warnings };
}

describe("A prosecutor whose node allows little gas", function () {
  this.timeout(300_000);
  before(initHash);
  afterEach(() => limitBlocks(60_000_000n));

  const SUMS: readonly (readonly [string, () => LongSum, bigint])[] = [
    ["of integers", integers, 3_000_000n],
    ["of float32, bit for bit", product, 5_000_000n],
    ["in any order", infinities, 8_000_000n],
  ];
  for (const [what, make, most] of SUMS) {
    it(`convicts by a long sum ${what} in parts for which a block of ${most} gas has room, killed in between`, async () => {
      const opened = await longCase(make(), true);
      const { market, caseId, given, tensor, accusation } = opened;
      const part = { tensor, level: 0, index: 0 };
      await demand(market, given, caseId, part);
      await answer(market, given, caseId, part);
      await limitBlocks(most);
      const first = await ethers.provider.getBlockNumber();

      const { prosecute, wallet, warnings } = await prosecutor(opened);
      await prosecute(3);
      expect((await market.court.rulingOf(caseId))[0]).to.equal(RULING.none);
      await prosecute();
      expect(await market.court.rulingOf(caseId)).to.deep.equal([RULING.upheld, wallet.address]);
      expect(warnings.join("")).to.match(/not enough gas: proving in shorter parts/);

      const sums = await market.court.queryFilter(market.court.filters.SumAccumulated(caseId), first);
      expect(sums.length).to.be.greaterThan(accusation.parts.length);
      // No step twice, in spite of all.
      const ends = sums.map(({ args }) => args.sum.next);
      expect(ends).to.deep.equal([...new Set(ends)].sort((a, b) => Number(a - b)));
    });
  }
});

/** From the next block on. */
async function limitBlocks(gas: bigint): Promise<void> {
  await connection.provider.request({ method: "evm_setBlockGasLimit", params: [toQuantity(gas)] });
  await networkHelpers.mine();
}
