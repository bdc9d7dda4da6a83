import { spawn } from "node:child_process";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";

import { network } from "hardhat";

import { anvilPath } from "../../support/anvil.js";

/** Of a block and of a call. Without the limit of later forks for one transaction: a call judges hundreds of claims. */
export const GAS = 1n << 40n;

const FLAGS = ["--port", "0", "--hardfork", "cancun", "--gas-limit", String(GAS), "--base-fee", "0"];
const LISTENING = /^Listening on (\S+)$/;

export type Chain = Awaited<ReturnType<typeof inProcess>>;

/**
 * Where verifiers judge. Hardhat's own chain keeps what each step of a call did until it ends, gigabytes for hundreds of
 * claims; anvil does not. Without anvil, and where Hardhat is to see which lines are reached, it is Hardhat's.
 */
export async function judgingChain(): Promise<Chain> {
  const binary = anvilPath();
  return binary === undefined || process.argv.includes("--coverage") ? inProcess() : onAnvil(binary);
}

function inProcess() {
  return network.create({ override: { blockGasLimit: GAS, hardfork: "cancun" } });
}

/** Ends with this process, which does not wait for it. */
async function onAnvil(binary: string): Promise<Chain> {
  const child = spawn(binary, [...FLAGS, "--no-request-size-limit"], { stdio: ["ignore", "pipe", "ignore"] });
  process.once("exit", () => child.kill());
  for await (const line of createInterface({ input: child.stdout })) {
    const [, address] = LISTENING.exec(line) ?? [];
    if (address === undefined) continue;
    child.stdout.resume();
    child.unref();
    (child.stdout as Socket).unref();
    const url = `http://${address}`;
    return network.create({ network: "localhost", override: { url, timeout: 600_000 } as never });
  }
  throw new Error(`${binary} ended before it listened`);
}
