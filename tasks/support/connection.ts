import type { HardhatRuntimeEnvironment } from "hardhat/types/hre";
import type { NetworkConnection } from "hardhat/types/network";

let given: NetworkConnection | undefined;

/** Makes tasks use the chain that a test deployed to, which lives in this process only. */
export function useConnection(connection: NetworkConnection | undefined): void {
  given = connection;
}

/** The connection to the network named by `--network`. */
export async function connectionOf(hre: HardhatRuntimeEnvironment): Promise<NetworkConnection> {
  return given ?? hre.network.getOrCreate();
}
