import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import type { Addresses, ContractName } from "@assay/sdk";
import { connect } from "@assay/sdk";
import { VoidSigner, ZeroAddress } from "ethers";

import { inTime } from "./eventually.js";

/** A node that answers what the test says: methods by name, contract functions by `contract.function`. */
export class FakeRpc {
  answers: Record<string, unknown> = {};
  calls: Record<string, unknown[]> = {};
  /** What contract functions revert with, by `contract.function`. */
  reverts: Record<string, string> = {};
  /** Methods that get no answer at all. */
  silent = new Set<string>();
  url = "";
  /** What each method was last asked with. */
  readonly lastParams = new Map<string, unknown[]>();
  readonly #asked = new Map<string, number>();
  readonly #watchers: (() => void)[] = [];
  readonly #server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: unknown[] };
      this.#asked.set(method, (this.#asked.get(method) ?? 0) + 1);
      this.lastParams.set(method, params);
      for (const look of this.#watchers) look();
      if (this.silent.has(method)) return;
      const call = method === "eth_call" ? this.#call(params[0] as { to: string; data: string }) : {};
      const { result = this.answers[method], data } = call;
      const unknown = { code: -32601, message: `no answer to ${method}` };
      const error = data === undefined ? unknown : { code: 3, message: "execution reverted", data };
      response.end(JSON.stringify({ jsonrpc: "2.0", id, ...(result === undefined ? { error } : { result }) }));
    });
  });

  constructor(private readonly deployment: Addresses) {}

  async start(path = ""): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  /** Resolves when a method was asked for so many times more. */
  async until(method: string, times: number): Promise<void> {
    const before = this.#asked.get(method) ?? 0;
    const asked = new Promise<void>((resolve) => {
      this.#watchers.push(() => {
        if ((this.#asked.get(method) ?? 0) >= before + times) resolve();
      });
    });
    await inTime(`${method} is asked for ${times} times`, asked);
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }

  #call({ to, data }: { to: string; data: string }): { result?: string; data?: string } {
    const contracts = connect(this.deployment, new VoidSigner(ZeroAddress));
    for (const [name, contract] of Object.entries(contracts)) {
      if (this.deployment[name as ContractName].toLowerCase() !== to.toLowerCase()) continue;
      const called = contract.interface.parseTransaction({ data });
      const revert = called && this.reverts[`${name}.${called.name}`];
      if (revert) return { data: revert };
      const values = called && this.calls[`${name}.${called.name}`];
      if (called && values)
        return { result: contract.interface.encodeFunctionResult(called.fragment, values as never) };
    }
    // What a node gives for an address without a contract.
    return { result: "0x" };
  }
}

/** A block as nodes give it. */
export function blockOf(number: number, timestamp: number): Record<string, unknown> {
  const hash = `0x${number.toString(16).padStart(64, "0")}`;
  const zero = "0x0";
  return {
    ...{ number: `0x${number.toString(16)}`, timestamp: `0x${timestamp.toString(16)}`, hash, parentHash: hash },
    ...{ nonce: "0x0000000000000000", difficulty: zero, gasLimit: zero, gasUsed: zero, baseFeePerGas: zero },
    ...{ miner: "0x0000000000000000000000000000000000000000", extraData: "0x", transactions: [] },
  };
}
