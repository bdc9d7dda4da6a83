import { expect } from "chai";
import type { Addressable } from "ethers";

import type { Assay } from "./fixture.js";
import { ethers } from "./fixture.js";

/** What the escrow keeps for jobs and cases that are under way, and so belongs to no account yet. */
export interface Held {
  prices?: bigint;
  bonds?: bigint;
  /** Of demands before the proof court. */
  fees?: bigint;
  /** Funds of models, booked audits and those under way. */
  audits?: bigint;
}

/** A deployment, with the arbiter that a test named besides the jury. */
type Books = Assay & { arbiter?: Addressable };

/** Everyone who can have a balance: all accounts of the chain, and the contracts. */
async function holders({
  escrow,
  staking,
  market,
  disputes,
  jury,
  court,
  audits,
  arbiter,
}: Books): Promise<Addressable[]> {
  const signers = await ethers.getSigners();
  return [...signers, escrow, staking, market, disputes, jury, court, audits, ...(arbiter ? [arbiter] : [])];
}

async function sum(values: Promise<bigint>[]): Promise<bigint> {
  return (await Promise.all(values)).reduce((total, value) => total + value, 0n);
}

/** Expects every token that the system holds to be somebody's, to the wei. */
export async function expectBooksExact(
  assay: Books,
  { prices = 0n, bonds = 0n, fees = 0n, audits: held = 0n }: Held = {},
): Promise<void> {
  const { escrow, staking, stakeToken, payToken, market, disputes, jury, court, audits } = assay;
  const accounts = await holders(assay);
  const credited = (token: Addressable) => sum(accounts.map((account) => escrow.balanceOf(token, account)));

  expect(await payToken.balanceOf(escrow), "payment tokens in the escrow").to.equal(
    (await credited(payToken)) + prices,
  );
  expect(await stakeToken.balanceOf(escrow), "stake tokens in the escrow").to.equal(
    (await credited(stakeToken)) + bonds + fees + held,
  );
  expect(await stakeToken.balanceOf(staking), "staked tokens").to.equal(
    await sum(accounts.map((account) => staking.slashableOf(account))),
  );
  for (const passing of [market, disputes, jury, court, audits]) {
    expect(await payToken.balanceOf(passing), "payment tokens left on the way").to.equal(0n);
    expect(await stakeToken.balanceOf(passing), "stake tokens left on the way").to.equal(0n);
  }
}

/** What an account has at stake in jury pools and as an auditor: what is left of its deposits, and its open seats. */
async function dutiesOf({ models, jury, audits }: Books, account: Addressable) {
  const last = Number(await models.lastModelId());
  const all = await Promise.all(Array.from({ length: last }, (_, i) => jury.membershipOf(i + 1, account)));
  const total = (of: (membership: (typeof all)[number]) => bigint) => all.reduce((sum, one) => sum + of(one), 0n);
  const tickets = await sum(
    Array.from({ length: last }, async (_, i) => (await audits.membershipOf(i + 1, account)).tickets),
  );
  return {
    deposits: total(({ locks }) => locks) * (await jury.JUROR_LOCK()) + tickets * (await audits.TICKET_LOCK()),
    seats: total((one) => one.openSeats),
  };
}

/** Expects exact books and nothing under way: no lock but for deposits of jurors and auditors, and nothing held for a job, a case or a jury. */
export async function expectAllSettled(assay: Books): Promise<void> {
  await expectBooksExact(assay);
  for (const account of await holders(assay)) {
    const { deposits, seats } = await dutiesOf(assay, account);
    expect(await assay.staking.lockedOf(account)).to.equal(deposits);
    expect(seats, "seats in cases that are not closed").to.equal(0n);
  }
  for (const contract of [assay.market, assay.disputes, assay.jury, assay.court, assay.audits]) {
    for (const token of [assay.payToken, assay.stakeToken]) {
      expect(await assay.escrow.balanceOf(token, contract)).to.equal(0n);
    }
  }
}
