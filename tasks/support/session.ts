import path from "node:path";

import type { AssayContracts, Deployment } from "@assay/sdk";
import { AssayClient, connect, loadDeployment, withDecodedRevert } from "@assay/sdk";
import type { ContractTransactionReceipt, ContractTransactionResponse, Interface, Provider, Signer } from "ethers";
import type { HardhatRuntimeEnvironment } from "hardhat/types/hre";
import type { NetworkConnection } from "hardhat/types/network";

import { connectionOf } from "./connection.js";
import type { CommonArguments } from "./define.js";
import { presentable, UserError } from "./errors.js";
import { address, required } from "./parse.js";
import type { Report } from "./report.js";
import { print } from "./report.js";
import { Token } from "./token.js";

/** One deployment on one network, seen by one account. */
export class Session {
  readonly contracts: AssayContracts;

  constructor(
    readonly network: string,
    readonly chainId: bigint,
    readonly deployment: Deployment,
    readonly provider: Provider,
    private readonly account: Signer | undefined,
  ) {
    this.contracts = connect(deployment, account ?? provider);
  }

  get signer(): Signer {
    if (this.account) return this.account;
    throw new UserError(`network ${this.network} has no accounts: set "accounts" for it in hardhat.config.ts`);
  }

  get client(): AssayClient {
    return new AssayClient({ deployment: this.deployment, signer: this.signer });
  }

  /** The account that a task is about: the one named, or the caller. */
  async accountOr(option: string, value: string | undefined): Promise<string> {
    return value === undefined ? this.signer.getAddress() : address(option, value);
  }

  /** A token by address; `stake` names the stake token. */
  async token(value: string | undefined, option = "--token"): Promise<Token> {
    const text = required(option, value);
    return text === "stake"
      ? this.stakeToken()
      : Token.at(address(option, text), this.contracts.market.runner ?? this.provider);
  }

  async stakeToken(): Promise<Token> {
    return this.token(await this.contracts.staking.STAKE_TOKEN());
  }

  /** Lets a contract pull tokens of the caller. */
  async approve({ contract }: Token, spender: string, units: bigint): Promise<void> {
    if ((await contract.allowance(this.signer, spender)) < units)
      await this.send(() => contract.approve(spender, units));
  }

  /** Sends a transaction and waits for it. */
  async send(call: () => Promise<ContractTransactionResponse>): Promise<ContractTransactionReceipt> {
    await this.signer.getAddress();
    const sent = await call();
    const receipt = await sent.wait();
    if (!receipt) throw new UserError(`transaction ${sent.hash} has no receipt: look it up before sending again`);
    return receipt;
  }

  /** Time of the latest block, which contracts go by. */
  async now(): Promise<bigint> {
    const block = await this.provider.getBlock("latest");
    return BigInt(block?.timestamp ?? 0);
  }
}

/** Makes a task's action out of what it does: opens the session, prints the report, and tells errors clearly. */
export function action<Arguments>(work: (session: Session, given: Arguments) => Promise<Report>) {
  return async (given: Arguments & CommonArguments, hre: HardhatRuntimeEnvironment): Promise<Report> => {
    try {
      const session = await open(given, hre);
      const report = await withDecodedRevert(() => work(session, given));
      print(report, given.json);
      return report;
    } catch (error) {
      throw presentable(error);
    }
  };
}

/** The value of an argument of the first event of that name in a receipt. */
export function emitted(receipt: ContractTransactionReceipt, abi: Interface, event: string, argument: string): unknown {
  for (const log of receipt.logs) {
    const parsed = abi.parseLog(log);
    if (parsed?.name === event) return parsed.args.getValue(argument) as unknown;
  }
  throw new UserError(`transaction ${receipt.hash} emitted no ${event}: is --deployment of this network?`);
}

async function open({ account, deployment: file }: CommonArguments, hre: HardhatRuntimeEnvironment): Promise<Session> {
  const connection = await connectionOf(hre);
  const { provider } = connection.ethers;
  const { chainId } = await provider.getNetwork();
  const folder = path.join(hre.config.paths.ignition, "deployments", `chain-${chainId}`);
  const deployment = loadDeployment(file ?? path.join(folder, "deployed_addresses.json"));
  if ((await provider.getCode(deployment.market)) === "0x") {
    throw new UserError(
      `no market is at ${deployment.market} on network ${connection.networkName}: choose the network with --network`,
    );
  }
  return new Session(connection.networkName, chainId, deployment, provider, await signerOf(connection, account));
}

async function signerOf({ ethers, networkName }: NetworkConnection, index: number): Promise<Signer | undefined> {
  const signers = await ethers.getSigners();
  const signer = signers[index];
  if (!signer && signers.length > 0) {
    throw new UserError(`--account is ${index}: network ${networkName} has accounts 0 to ${signers.length - 1}`);
  }
  return signer;
}
