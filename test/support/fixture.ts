import { expect } from "chai";
import { network } from "hardhat";
import type { AddressLike, BaseContract, ContractTransactionResponse, EventLog, Log } from "ethers";
import { id, MaxUint256, parseEther, resolveAddress, ZeroHash } from "ethers";

import AssayModule from "../../ignition/modules/Assay.js";
import DevTokensModule from "../../ignition/modules/DevTokens.js";
import type { JobTermsStruct } from "../../sdk/src/typechain/contracts/market/InferenceMarket.js";
import {
  AccessManager__factory,
  AuditOffice__factory,
  BlockhashRandomness__factory,
  DevToken__factory,
  DisputeManager__factory,
  InferenceMarket__factory,
  JuryArbiter__factory,
  ModelRegistry__factory,
  PaymentEscrow__factory,
  ProofCourt__factory,
  ProviderRegistry__factory,
  ProviderStaking__factory,
  ValueCaps__factory,
} from "../../sdk/src/typechain/index.js";

export const connection = await network.create();
export const { ethers, networkHelpers, ignition } = connection;

export type Signer = Awaited<ReturnType<typeof ethers.getSigners>>[number];
/** A job's terms as they were emitted, and its id. */
export type Terms = JobTermsStruct & { id: bigint };

/** What `deployAssay` sets up unless a test says otherwise. */
export const OFFER = { price: parseEther("2"), stake: parseEther("10"), maxDuration: 600n };
export const STAKE = parseEther("1000");
export const PREPAID = parseEther("1000");
export const WINDOW = 3600n;
export const DAY = 86_400n;
export const STATUS = {
  none: 0n,
  requested: 1n,
  expired: 2n,
  submitted: 3n,
  finalisable: 4n,
  disputed: 5n,
  // The slot of a settled job is empty again.
  settled: 0n,
};

/** The accounts of the test chain, by what they do in most tests. */
export async function namedPeople() {
  const [deployer, guardian, treasury, modelOwner, client, challenger, stranger, ...rest] = await ethers.getSigners();
  if (!deployer || !guardian || !treasury || !modelOwner || !client || !challenger || !stranger) {
    throw new Error("the test chain has too few accounts");
  }
  return { deployer, guardian, treasury, modelOwner, client, challenger, stranger, people: rest };
}

/** Caps that no price reaches, for the profiles that have any. */
export const capsIn = (...tokens: string[]) =>
  tokens.flatMap((token) => [3, 4].map((profile) => ({ profile, token, cap: 2n ** 128n - 1n })));

/** The whole system on a fresh chain, deployed through Ignition, with named and funded people. */
export async function deployAssay() {
  const named = await namedPeople();
  const { deployer, guardian, treasury, modelOwner, stranger } = named;
  const tokens = await ignition.deploy(DevTokensModule);
  const stakeTokenAddress = await tokens.stakeToken.getAddress();
  const payTokenAddress = await tokens.payToken.getAddress();
  const deployed = await ignition.deploy(AssayModule, {
    parameters: {
      Assay: {
        stakeToken: stakeTokenAddress,
        guardian: guardian.address,
        treasury: treasury.address,
        challengeWindow: WINDOW,
        valueCaps: capsIn(stakeTokenAddress, payTokenAddress),
      },
    },
  });
  const at = async (contract: { getAddress(): Promise<string> }) => contract.getAddress();

  const system = {
    authority: AccessManager__factory.connect(await at(deployed.authority), deployer),
    models: ModelRegistry__factory.connect(await at(deployed.models), modelOwner),
    valueCaps: ValueCaps__factory.connect(await at(deployed.valueCaps), stranger),
    providers: ProviderRegistry__factory.connect(await at(deployed.providers), stranger),
    escrow: PaymentEscrow__factory.connect(await at(deployed.escrow), stranger),
    staking: ProviderStaking__factory.connect(await at(deployed.staking), stranger),
    market: InferenceMarket__factory.connect(await at(deployed.market), stranger),
    disputes: DisputeManager__factory.connect(await at(deployed.disputes), stranger),
    randomness: BlockhashRandomness__factory.connect(await at(deployed.randomness), stranger),
    jury: JuryArbiter__factory.connect(await at(deployed.jury), stranger),
    court: ProofCourt__factory.connect(await at(deployed.court), stranger),
    audits: AuditOffice__factory.connect(await at(deployed.audits), stranger),
    stakeToken: DevToken__factory.connect(stakeTokenAddress, stranger),
    payToken: DevToken__factory.connect(payTokenAddress, stranger),
  };
  return { ...system, ...named };
}

export type Assay = Awaited<ReturnType<typeof deployAssay>>;

/** A provider and the operator key that works for it. */
export interface ProviderKeys {
  provider: Signer;
  operator: Signer;
}

/** `deployAssay`, a model, four providers that serve it and sit on its juries, a prepaid client and a challenger. */
export async function openMarket() {
  return populate(await deployAssay());
}

/** Fills a deployment with everybody that `openMarket` names. */
export async function populate<System extends Assay>(assay: System) {
  const modelId = await registerModel(assay);
  const providers: ProviderKeys[] = [];
  for (let i = 0; i < 4; i++) providers.push(await joinProvider(assay, modelId, i));
  await prepay(assay, assay.client, PREPAID);
  await fundStakeBalance(assay, assay.challenger, parseEther("100"));
  const [first] = providers;
  if (!first) throw new Error("no provider joined");
  return { ...assay, modelId, keys: providers, ...first };
}

export type Market = Awaited<ReturnType<typeof populate>>;

export const MODEL_SPEC = {
  fileHash: id("model"),
  goldenHash: id("golden"),
  graphCommitment: ZeroHash,
  profile: 4n,
  workUnits: 1000n,
  royaltyBps: 500n,
  parentId: 0n,
  inputSignature: "x:float32[1,64]",
  outputSignature: "label:int64[1]",
  licence: "MIT",
  modelUri: "file:model.onnx",
  goldenUri: "file:golden.safetensors",
};

export async function registerModel(assay: Assay, changes: Record<string, unknown> = {}): Promise<bigint> {
  await assay.models.connect(assay.modelOwner).register({ ...MODEL_SPEC, ...changes });
  return assay.models.lastModelId();
}

/** Registers the `index`-th pair of spare accounts as provider and operator, with stake, an offer and a jury seat. */
export async function joinProvider(assay: Assay, modelId: bigint, index: number): Promise<ProviderKeys> {
  const provider = assay.people[2 * index];
  const operator = assay.people[2 * index + 1];
  if (!provider || !operator) throw new Error(`no spare accounts for provider ${String(index)}`);
  await assay.providers.connect(provider).register(operator.address, provider.address, 4n, "http://provider", "0x");
  await stake(assay, provider, STAKE);
  await assay.providers
    .connect(provider)
    .setOffer(modelId, assay.payToken, OFFER.price, OFFER.stake, OFFER.maxDuration);
  await assay.jury.connect(operator).enrol(modelId, provider.address);
  return { provider, operator };
}

export async function stake(assay: Assay, provider: Signer, amount: bigint): Promise<void> {
  await assay.stakeToken.mint(provider.address, amount);
  await assay.stakeToken.connect(provider).approve(assay.staking, MaxUint256);
  await assay.staking.connect(provider).deposit(provider.address, amount);
}

export async function prepay(assay: Assay, client: Signer, amount: bigint): Promise<void> {
  await assay.payToken.mint(client.address, amount);
  await assay.payToken.connect(client).approve(assay.escrow, MaxUint256);
  await assay.escrow.connect(client).deposit(assay.payToken, client.address, amount);
}

/** Puts stake tokens into the escrow, where bonds are taken from. */
export async function fundStakeBalance(assay: Assay, account: Signer, amount: bigint): Promise<void> {
  await assay.stakeToken.mint(account.address, amount);
  await assay.stakeToken.connect(account).approve(assay.escrow, MaxUint256);
  await assay.escrow.connect(account).deposit(assay.stakeToken, account.address, amount);
}

export function requestOf(market: Market, changes: Record<string, unknown> = {}) {
  return {
    provider: market.provider.address,
    modelId: market.modelId,
    inputCommitment: id("input"),
    token: market.payToken.target,
    maxPrice: OFFER.price,
    minStake: OFFER.stake,
    deliverBy: 2n ** 48n - 1n,
    inputUri: "",
    ...changes,
  };
}

/** Requests a job for the client and returns its terms as they were emitted. */
export async function requestJob(market: Market, changes: Record<string, unknown> = {}): Promise<Terms> {
  const sent = await market.market.connect(market.client).request(requestOf(market, changes));
  const receipt = await sent.wait();
  return termsOf(market, receipt?.logs ?? []);
}

export function termsOf(market: Pick<Assay, "market">, logs: readonly (EventLog | Log)[]): Terms {
  for (const log of logs) {
    const parsed = market.market.interface.parseLog(log);
    if (parsed?.name === "JobRequested") {
      const terms = (parsed.args.getValue("terms") as { toObject(): JobTermsStruct }).toObject();
      return { id: parsed.args.getValue("jobId") as bigint, ...terms };
    }
  }
  throw new Error("no JobRequested in the logs");
}

export async function submitJob(market: Market, terms: Terms, output = id("output")): Promise<string> {
  await market.market.connect(market.operator).submit(terms, output, "");
  return output;
}

/** Sets a cap as the parameter role does: announced, and carried out once its delay is over. */
export async function setCap(
  { authority, valueCaps, deployer }: Assay,
  profile: bigint,
  token: AddressLike,
  cap: bigint,
): Promise<ContractTransactionResponse> {
  const address = await resolveAddress(token);
  const data = valueCaps.interface.encodeFunctionData("setCap", [profile, address, cap]);
  await authority.connect(deployer).schedule(valueCaps, data, 0n);
  await at((await now()) + 2n * DAY);
  return valueCaps.connect(deployer).setCap(profile, address, cap);
}

/** Moves the clock so that the next block is at `time` exactly. */
export async function at(time: bigint): Promise<void> {
  await networkHelpers.time.setNextBlockTimestamp(time);
}

export async function now(): Promise<bigint> {
  return BigInt(await networkHelpers.time.latest());
}

/** Moves the clock so that the next block is `seconds` after the job's phase ended. */
export async function afterPhase(market: Pick<Assay, "market">, terms: Terms, seconds = 1n): Promise<void> {
  await at((await market.market.phaseEndOf(terms.id)) + seconds);
}

/** Expects a call to be refused with this custom error and these values. */
export async function refused(
  call: Promise<unknown>,
  contract: BaseContract,
  error: string,
  ...values: unknown[]
): Promise<void> {
  await expect(call)
    .to.be.revertedWithCustomError(contract, error)
    .withArgs(...values);
}
