import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { connect, parseDeployment } from "@assay/sdk";
import { sha256 } from "@assay/provider-worker";
import { MaxUint256, parseEther } from "ethers";
import { config, network } from "hardhat";

import AssayModule from "../../ignition/modules/Assay.js";
import DevTokensModule from "../../ignition/modules/DevTokens.js";
import { DevToken__factory } from "../../sdk/src/typechain/index.js";
import type { DemoModel } from "./models.js";

export const WINDOW = 600n;
export const PRICE = parseEther("0.25");
export const JOB_STAKE = parseEther("10");
const STAKE = parseEther("5000");
const PREPAID = parseEther("1000");
const BONDS = parseEther("100");
/** `IModelRegistry.Profile`: who judges a model's results. */
export const PROFILE = { exact: 1, canonical: 2, tolerance: 3, jury: 4 };

/** The system deployed through Ignition on a node behind JSON-RPC, with named people. `changed`: numbers of the module. */
export async function startMarket(rpcUrl: string, folder: string, changed: Readonly<Record<string, bigint>> = {}) {
  const connection = await network.create({ network: "localhost", override: { url: rpcUrl } as never });
  const { ethers, ignition } = connection;
  const [deployer, treasury, modelOwner, client, ...people] = await ethers.getSigners();
  if (!deployer || !treasury || !modelOwner || !client) throw new Error("the chain has too few accounts");

  // A deployment of its own, forgotten with the chain.
  const deploymentId = `demo-${process.pid}`;
  const tokens = await ignition.deploy(DevTokensModule, { deploymentId });
  const stakeTokenAddress = await tokens.stakeToken.getAddress();
  const payTokenAddress = await tokens.payToken.getAddress();
  const deployed = await ignition.deploy(AssayModule, {
    deploymentId,
    parameters: {
      Assay: {
        stakeToken: stakeTokenAddress,
        treasury: treasury.address,
        challengeWindow: WINDOW,
        // What a jury or a bound judges may cost no more than the demo asks.
        valueCaps: [PROFILE.tolerance, PROFILE.jury].map((profile) => ({
          profile,
          token: payTokenAddress,
          cap: PRICE,
        })),
        ...changed,
      },
    },
  });
  const entries = Object.entries(deployed).map(
    async ([name, contract]) => [name, await contract.getAddress()] as const,
  );
  const deployment = parseDeployment(Object.fromEntries(await Promise.all(entries)));
  const deploymentFile = path.join(folder, "deployment.json");
  mkdirSync(folder, { recursive: true });
  writeFileSync(deploymentFile, JSON.stringify(deployment, null, 2));

  const stakeToken = DevToken__factory.connect(stakeTokenAddress, deployer);
  const payToken = DevToken__factory.connect(payTokenAddress, deployer);
  const contracts = connect(deployment, client);
  await (await payToken.mint(client.address, PREPAID)).wait();
  await (await payToken.connect(client).approve(deployment.escrow, MaxUint256)).wait();
  await (await contracts.escrow.deposit(payTokenAddress, client.address, PREPAID)).wait();
  const { chainId } = await ethers.provider.getNetwork();

  return {
    async stop() {
      await connection.close();
      rmSync(path.join(config.paths.ignition, "deployments", deploymentId), { recursive: true, force: true });
    },
    provider: ethers.provider,
    rpcUrl,
    chainId,
    deployment,
    deploymentFile,
    contracts,
    stakeToken,
    payToken,
    payTokenAddress,
    deployer,
    treasury,
    modelOwner,
    client,
    people,
    minted: { stake: 0n, pay: PREPAID },
  };
}

export type DemoMarket = Awaited<ReturnType<typeof startMarket>>;
export type Signer = DemoMarket["client"];

/** Registers a model with its graph; its file and golden vectors lie in `folder`. */
export async function registerModel(
  market: DemoMarket,
  model: DemoModel,
  folder: string,
  profile = PROFILE.exact,
): Promise<bigint> {
  const goldenFile = path.join(folder, `${model.name}.golden.safetensors`);
  writeFileSync(goldenFile, model.golden);
  const modelFile = path.join(folder, `${model.name}.onnx`);
  writeFileSync(modelFile, model.prepared.file);
  const models = market.contracts.models.connect(market.modelOwner);
  await (
    await models.register({
      fileHash: sha256(model.prepared.file),
      goldenHash: sha256(model.golden),
      graphCommitment: model.prepared.commitment,
      profile,
      workUnits: model.workUnits,
      royaltyBps: 500n,
      parentId: 0n,
      inputSignature: model.inputSignature,
      outputSignature: model.outputSignature,
      licence: "CC-BY-4.0",
      modelUri: pathToFileURL(modelFile).href,
      goldenUri: pathToFileURL(goldenFile).href,
    })
  ).wait();
  return market.contracts.models.lastModelId();
}

/** Registers a provider with stake and an offer for each model. */
export async function joinProvider(
  market: DemoMarket,
  provider: Signer,
  operator: string,
  endpoint: string,
  models: readonly bigint[],
): Promise<void> {
  const { contracts, stakeToken, payToken, deployment } = market;
  await (await stakeToken.mint(provider.address, STAKE)).wait();
  market.minted.stake += STAKE;
  await (await stakeToken.connect(provider).approve(deployment.staking, MaxUint256)).wait();
  const providers = contracts.providers.connect(provider);
  await (await providers.register(operator, provider.address, 2, endpoint, "0x")).wait();
  await (await contracts.staking.connect(provider).deposit(provider.address, STAKE)).wait();
  for (const model of models) {
    await (await providers.setOffer(model, payToken.target, PRICE, JOB_STAKE, 300)).wait();
  }
}

/** Puts stake tokens for bonds into the escrow of an auditor's key. */
export async function fundBonds(market: DemoMarket, auditor: string): Promise<void> {
  const { contracts, stakeToken, deployment, deployer } = market;
  await (await stakeToken.mint(deployer.address, BONDS)).wait();
  market.minted.stake += BONDS;
  await (await stakeToken.connect(deployer).approve(deployment.escrow, BONDS)).wait();
  await (await contracts.escrow.connect(deployer).deposit(stakeToken.target, auditor, BONDS)).wait();
}
