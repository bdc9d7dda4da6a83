import type { TypedContractEvent, TypedDeferredTopicFilter, TypedEventLog } from "@assay/sdk";
import { readInRanges } from "@assay/sdk";
import type { ContractRunner } from "ethers";

import { UserError } from "./errors.js";

interface EventSource {
  readonly runner: ContractRunner | null;
  queryFilter<E extends TypedContractEvent>(
    filter: TypedDeferredTopicFilter<E>,
    fromBlock: number,
    toBlock: number,
  ): Promise<TypedEventLog<E>[]>;
}

/** Events of a contract since a block, oldest first, whatever range of blocks its node accepts in one request. */
export async function readEvents<E extends TypedContractEvent>(
  contract: EventSource,
  filter: TypedDeferredTopicFilter<E>,
  from: number,
): Promise<TypedEventLog<E>[]> {
  const provider = contract.runner?.provider;
  if (!provider) throw new UserError("events are read from a node: connect to a network with --network");
  const to = await provider.getBlockNumber();
  return readInRanges((first, last) => contract.queryFilter(filter, first, last), { from, to });
}
