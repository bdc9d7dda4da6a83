import { network } from "hardhat";

/** Blocks may share a second, so that the chain's clock does not run ahead of the workers' when many jobs come at once. */
const CHAIN = { network: "default", override: { allowBlocksWithSameTimestamp: true } } as const;
/** A block even when nobody sends, as on a real chain: deadlines pass by themselves. */
const BLOCK_MS = 500;

/** A chain behind JSON-RPC in this process. */
export async function startChain(): Promise<{ rpcUrl: string; stop: () => Promise<void> }> {
  const server = await network.createServer(CHAIN, "127.0.0.1", 0);
  const { port } = await server.listen();
  const rpcUrl = `http://127.0.0.1:${port}`;
  const answer = await fetch(rpcUrl, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "evm_setIntervalMining", params: [BLOCK_MS] }),
  });
  if (!answer.ok) throw new Error(`the chain refused to mine on its own: HTTP ${answer.status}`);
  return { rpcUrl, stop: () => server.close() };
}
