import { readFileSync } from "node:fs";
import path from "node:path";

import type { AssayContracts, Deployment } from "@assay/sdk";
import { AssayClient, connect, loadDeployment, withDecodedRevert } from "@assay/sdk";
import type { ContractRunner, Interface, Provider, Signer, TransactionReceipt, TransactionResponse } from "ethers";
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
  readonly #tokens = new Map<string, Promise<Token>>();

  constructor(
    readonly network: string,
    readonly chainId: bigint,
    readonly deployment: Deployment,
    readonly provider: Provider,
    private readonly account: Signer | undefined,
    /** The token that development deployments pay in. */
    private readonly payToken: string | undefined,
    private readonly rpc: NetworkConnection["provider"],
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

  /** A token by address; `stake` and `pay` name those of the deployment. */
  async token(value: string | undefined, option = "--token"): Promise<Token> {
    const text = required(option, value);
    if (text === "stake") return this.stakeToken();
    if (text === "pay" && !this.payToken) {
      throw new UserError(`${option} is pay: this deployment has no development tokens, so give an address`);
    }
    return Token.at(address(option, text === "pay" ? this.payToken : text), this.runner);
  }

  async stakeToken(): Promise<Token> {
    return this.tokenAt(await this.contracts.staking.STAKE_TOKEN());
  }

  /** A token that the chain names, whatever it is. */
  async tokenAt(at: string): Promise<Token> {
    const token = this.#tokens.get(at) ?? Token.found(at, this.runner);
    this.#tokens.set(at, token);
    return token;
  }

  /** Lets a contract pull tokens of the caller. */
  async approve({ contract }: Token, spender: string, units: bigint): Promise<void> {
    if ((await contract.allowance(this.signer, spender)) < units)
      await this.send(() => contract.approve(spender, units));
  }

  /** Sends a transaction and waits for it. */
  async send(call: () => Promise<TransactionResponse>): Promise<TransactionReceipt> {
    await this.signer.getAddress();
    const sent = await call();
    const receipt = await sent.wait();
    if (!receipt) throw new UserError(`transaction ${sent.hash} has no receipt: look it up before sending again`);
    return receipt;
  }

  /** Time of the block to come, which contracts will go by. */
  async now(): Promise<bigint> {
    for (const tag of ["pending", "latest"]) {
      const block: unknown = await this.rpc.request({ method: "eth_getBlockByNumber", params: [tag, false] });
      if (block) return BigInt((block as { timestamp: string }).timestamp);
    }
    throw new UserError(`network ${this.network} has no latest block: is the node synchronised?`);
  }

  /** A method that only nodes for development have. */
  async development(method: string, params: unknown[]): Promise<void> {
    try {
      await this.rpc.request({ method, params });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new UserError(`network ${this.network} refuses ${method}, which development chains know: ${reason}`);
    }
  }

  private get runner(): ContractRunner {
    return this.account ?? this.provider;
  }
}

/** Makes a task's action out of what it does: opens the session, prints the report, and tells errors clearly. */
export function action<Arguments>(work: (session: Session, given: Arguments) => Promise<Report>) {
  return async (given: Arguments & CommonArguments, hre: HardhatRuntimeEnvironment): Promise<Report> =>
    reported(given.json, async () => {
      const session = await open(given, hre);
      return withDecodedRevert(() => work(session, given));
    });
}

/** The same for a task that needs no network. */
export function localAction<Arguments>(work: (given: Arguments) => Promise<Report>) {
  return async (given: Arguments & { json: boolean }): Promise<Report> => reported(given.json, () => work(given));
}

async function reported(json: boolean, work: () => Promise<Report>): Promise<Report> {
  try {
    const report = await work();
    print(report, json);
    return report;
  } catch (error) {
    throw presentable(error);
  }
}

/** The arguments of the first event of that name in a receipt. */
export function emitted(receipt: TransactionReceipt, abi: Interface, event: string): Record<string, unknown> {
  for (const log of receipt.logs) {
    const parsed = abi.parseLog(log);
    if (parsed?.name === event) return parsed.args.toObject();
  }
  throw new UserError(`transaction ${receipt.hash} emitted no ${event}: is --deployment of this network?`);
}

async function open({ account, deployment: file }: CommonArguments, hre: HardhatRuntimeEnvironment): Promise<Session> {
  const connection = await connectionOf(hre);
  const { provider } = connection.ethers;
  const { chainId } = await provider.getNetwork();
  const folder = path.join(hre.config.paths.ignition, "deployments", `chain-${chainId}`);
  const addresses = file ?? path.join(folder, "deployed_addresses.json");
  const deployment = loadDeployment(addresses);
  if ((await provider.getCode(deployment.market)) === "0x") {
    throw new UserError(
      `no market is at ${deployment.market} on network ${connection.networkName}: choose the network with --network`,
    );
  }
  const signer = await signerOf(connection, account);
  const pay = payTokenOf(addresses);
  return new Session(connection.networkName, chainId, deployment, provider, signer, pay, connection.provider);
}

function payTokenOf(file: string): string | undefined {
  const entries = JSON.parse(readFileSync(file, "utf8")) as Record<string, string | undefined>;
  return entries.payToken ?? entries["DevTokens#payToken"];
}

async function signerOf({ ethers, networkName }: NetworkConnection, index: number): Promise<Signer | undefined> {
  const signers = await ethers.getSigners();
  const signer = signers[index];
  if (!signer && signers.length > 0) {
    throw new UserError(`--account is ${index}: network ${networkName} has accounts 0 to ${signers.length - 1}`);
  }
  return signer;
}
