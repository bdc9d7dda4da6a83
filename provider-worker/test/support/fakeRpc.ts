import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import type { Deployment } from "@assay/sdk";
import { connect } from "@assay/sdk";
import { VoidSigner, ZeroAddress } from "ethers";

/** A node that answers what the test says: methods by name, contract functions by `contract.function`. */
export class FakeRpc {
  answers: Record<string, unknown> = {};
  calls: Record<string, unknown[]> = {};
  url = "";
  readonly #server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: unknown[] };
      const result =
        method === "eth_call" ? this.#call(params[0] as { to: string; data: string }) : this.answers[method];
      const error = { code: -32601, message: `no answer to ${method}` };
      response.end(JSON.stringify({ jsonrpc: "2.0", id, ...(result === undefined ? { error } : { result }) }));
    });
  });

  constructor(private readonly deployment: Deployment) {}

  async start(path = ""): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }

  #call({ to, data }: { to: string; data: string }): string {
    const contracts = connect(this.deployment, new VoidSigner(ZeroAddress));
    for (const [name, contract] of Object.entries(contracts)) {
      if (this.deployment[name as keyof Deployment].toLowerCase() !== to.toLowerCase()) continue;
      const called = contract.interface.parseTransaction({ data });
      const values = called && this.calls[`${name}.${called.name}`];
      if (called && values) return contract.interface.encodeFunctionResult(called.fragment, values as never);
    }
    // What a node gives for an address without a contract.
    return "0x";
  }
}
