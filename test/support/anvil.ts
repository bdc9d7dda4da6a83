import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

import { JsonRpcProvider } from "ethers";

import { freePort } from "../../scripts/demo/workers.js";

/** Where anvil is: `ANVIL_PATH`, or the binary npm installs on Linux x64. Undefined elsewhere. */
export function anvilPath(): string | undefined {
  if (process.env.ANVIL_PATH !== undefined) return process.env.ANVIL_PATH;
  try {
    return createRequire(import.meta.url).resolve("@foundry-rs/anvil-linux-amd64/bin/anvil");
  } catch {
    return undefined;
  }
}

/** A real node with a clock and a mempool of its own, which mines each transaction at once and a block each second. */
export class Anvil {
  private constructor(
    readonly rpcUrl: string,
    private readonly provider: JsonRpcProvider,
    readonly stop: () => Promise<void>,
  ) {}

  static async start(binary: string): Promise<Anvil> {
    const port = await freePort();
    const options = ["--port", String(port), "--accounts", "20", "--block-time", "1", "--mixed-mining", "--silent"];
    const child = spawn(binary, options, { stdio: "ignore" });
    const ended = once(child, "exit");
    const rpcUrl = `http://127.0.0.1:${port}`;
    const provider = new JsonRpcProvider(rpcUrl, 31337, { staticNetwork: true, batchMaxCount: 1, cacheTimeout: -1 });
    const stop = async () => {
      provider.destroy();
      child.kill();
      await ended;
    };
    for (let tries = 0; tries < 600; tries++) {
      const up = await provider.send("eth_chainId", []).then(
        () => true,
        () => false,
      );
      if (up) return new Anvil(rpcUrl, provider, stop);
      await sleep(100);
    }
    await stop();
    throw new Error(`${binary} did not answer on ${rpcUrl}`);
  }

  /** From now on no block comes by itself: one for each transaction, or none at all until `mine`. */
  async holdBlocks(hold: "but for transactions" | "all"): Promise<void> {
    await this.provider.send("evm_setIntervalMining", [0]);
    await this.provider.send("evm_setAutomine", [hold !== "all"]);
  }

  async releaseBlocks(): Promise<void> {
    await this.provider.send("evm_setAutomine", [true]);
    await this.provider.send("evm_setIntervalMining", [1]);
  }

  async mine(): Promise<void> {
    await this.provider.send("evm_mine", []);
  }

  async passTime(seconds: bigint): Promise<void> {
    await this.provider.send("evm_increaseTime", [Number(seconds)]);
    await this.mine();
  }

  /** Replaces the newest blocks by empty ones. */
  async reorg(depth: number): Promise<void> {
    await this.provider.send("anvil_reorg", [depth, []]);
  }

  /** Hashes of an account's transactions that wait for a block. */
  async pendingOf(account: string): Promise<string[]> {
    const block = (await this.provider.send("eth_getBlockByNumber", ["pending", true])) as {
      transactions: { hash: string; from: string }[];
    };
    return block.transactions
      .filter(({ from }) => from.toLowerCase() === account.toLowerCase())
      .map(({ hash }) => hash);
  }

  async forgetPending(): Promise<void> {
    await this.provider.send("anvil_dropAllTransactions", []);
  }
}
