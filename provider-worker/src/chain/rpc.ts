import { FetchRequest, JsonRpcProvider, Network } from "ethers";

const TIMEOUT_MS = 15_000;
const ATTEMPTS = 3;

/** An RPC client that gives up: ethers alone waits for ever on some answers. */
export function rpcProvider(url: string, chainId: number): JsonRpcProvider {
  const request = new FetchRequest(url);
  request.timeout = TIMEOUT_MS;
  request.setThrottleParams({ maxAttempts: ATTEMPTS });
  const network = Network.from(chainId);
  return new JsonRpcProvider(request, network, { staticNetwork: network, batchMaxCount: 1, cacheTimeout: -1 });
}
