import type { AddressLike, BaseContract, Signer as EthersSigner } from "ethers";
import { resolveAddress, Signature } from "ethers";

import type { DevToken, ReentrantToken } from "../../sdk/src/typechain/index.js";
import {
  BlocklistToken__factory,
  DevToken__factory,
  FalseReturnToken__factory,
  FeeOnTransferToken__factory,
  NoReturnToken__factory,
  ReentrantToken__factory,
} from "../../sdk/src/typechain/index.js";
import type { Signer } from "./fixture.js";
import { ethers } from "./fixture.js";

/** Share of a transfer that `FeeOnTransferToken` burns. */
export const TRANSFER_FEE_BPS = 100n;

/** One of each kind of token. */
export async function deployTokens(deployer: EthersSigner) {
  return {
    plain: await new DevToken__factory(deployer).deploy("Plain", "PLAIN"),
    noReturn: await new NoReturnToken__factory(deployer).deploy(),
    falseReturn: await new FalseReturnToken__factory(deployer).deploy(),
    fee: await new FeeOnTransferToken__factory(deployer).deploy(TRANSFER_FEE_BPS),
    blocklist: await new BlocklistToken__factory(deployer).deploy(),
    reentrant: await new ReentrantToken__factory(deployer).deploy(),
  };
}

/** Any token as a plain one: what the calls return is not read in tests. */
export async function asPlain(token: BaseContract, runner: EthersSigner): Promise<DevToken> {
  return DevToken__factory.connect(await token.getAddress(), runner);
}

/** Signs an EIP-2612 permit. */
export async function signPermit(
  token: DevToken,
  owner: Signer,
  spender: AddressLike,
  value: bigint,
  deadline: bigint,
): Promise<Signature> {
  const { chainId } = await ethers.provider.getNetwork();
  const domain = { name: await token.name(), version: "1", chainId, verifyingContract: await token.getAddress() };
  const fields = [
    { name: "owner", type: "address" },
    { name: "spender", type: "address" },
    { name: "value", type: "uint256" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint256" },
  ];
  const message = {
    owner: owner.address,
    spender: await resolveAddress(spender),
    value,
    nonce: await token.nonces(owner),
    deadline,
  };
  return Signature.from(await owner.signTypedData(domain, { Permit: fields }, message));
}

/** Lets the token itself call `method`, as any account would. */
export async function actAs<C extends BaseContract>(
  token: ReentrantToken,
  target: C,
  method: string,
  ...args: unknown[]
): Promise<unknown> {
  return token.act(target, target.interface.encodeFunctionData(method, args));
}

/** Makes the token call `method` in the middle of its next transfer. */
export async function arm<C extends BaseContract>(
  token: ReentrantToken,
  target: C,
  method: string,
  ...args: unknown[]
): Promise<void> {
  await token.arm(target, target.interface.encodeFunctionData(method, args));
}
