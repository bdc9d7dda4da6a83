import { ZeroHash } from "ethers";

import { UserError } from "../support/errors.js";
import { readEvents } from "../support/events.js";
import { named, PHASES, RULINGS, VOTES } from "../support/names.js";
import type { Fields } from "../support/report.js";
import { Listing, moment } from "../support/report.js";
import { action, emitted } from "../support/session.js";

interface SeatArguments {
  model: bigint;
  juror?: string;
}

export const enrol = action(async (session, given: SeatArguments) => {
  const juror = await session.accountOr("--juror", given.juror);
  const receipt = await session.send(() => session.contracts.jury.enrol(given.model, juror));
  return { model: given.model, juror, enrolled: true, transaction: receipt.hash };
});

export const leave = action(async (session, given: SeatArguments) => {
  const juror = await session.accountOr("--juror", given.juror);
  const receipt = await session.send(() => session.contracts.jury.leave(given.model, juror));
  return { model: given.model, juror, enrolled: false, transaction: receipt.hash };
});

export const pool = action(async (session, { model }: { model: bigint }) => {
  const { jury, staking } = session.contracts;
  const token = await session.stakeToken();
  const rows = (await jury.poolOf(model)).map(async (juror) => {
    const { locks, openSeats } = await jury.membershipOf(model, juror);
    return { juror, weight: token.show(await staking.bondedOf(juror)), locks, openSeats };
  });
  return new Listing("jurors", await Promise.all(rows));
});

export const show = action(async (session, given: { case: bigint }) => {
  const { jury } = session.contracts;
  const { modelId, openedAt, commitEnd, revealEnd, jurors, outputCommitment, paid } = await jury.juryCaseOf(given.case);
  if (openedAt === 0n) throw new UserError(`case ${given.case} is before no jury: see dispute:list`);
  const token = await session.stakeToken();
  const seats = jurors.map(async (juror) => {
    const { weight, commitment, vote } = await jury.seatOf(given.case, juror);
    return { juror, weight: token.show(weight), committed: commitment !== ZeroHash, vote: named(VOTES, vote) };
  });
  const [ruling] = await jury.rulingOf(given.case);
  return {
    case: given.case,
    model: modelId,
    phase: named(PHASES, await jury.phaseOf(given.case)),
    ruling: named(RULINGS, ruling),
    openedAt: moment(openedAt),
    commitEnd: moment(commitEnd),
    revealEnd: moment(revealEnd),
    outputCommitment,
    jurorsPaid: paid,
    seats: await Promise.all(seats),
  };
});

/** Draws, or asks for a new seed if nobody drew while the last one was known. */
export const draw = action(async (session, given: { case: bigint; fromBlock: number }): Promise<Fields> => {
  const { jury, randomness } = session.contracts;
  const [opened] = await readEvents(jury, jury.filters.JuryCaseOpened(given.case), given.fromBlock);
  if (!opened)
    throw new UserError(`case ${given.case} is before no jury since block ${given.fromBlock}: see dispute:list`);
  const { seedRequest } = await jury.juryCaseOf(given.case);
  const { expired } = await randomness.seedOf(seedRequest);
  if (expired) {
    const receipt = await session.send(() => jury.requestSeedAgain(given.case));
    return {
      case: given.case,
      drawn: false,
      reason: "the seed was missed and asked for anew: draw again in a few blocks",
      transaction: receipt.hash,
    };
  }
  const { pool, weights } = opened.args;
  const receipt = await session.send(() => jury.draw(given.case, [...pool], [...weights]));
  const { jurors, commitEnd, revealEnd } = emitted(receipt, jury.interface, "JurorsDrawn");
  return {
    case: given.case,
    drawn: true,
    jurors: [...(jurors as string[])],
    commitEnd: moment(commitEnd as bigint),
    revealEnd: moment(revealEnd as bigint),
    transaction: receipt.hash,
  };
});

export const close = action(async (session, given: { case: bigint }) => {
  const { jury } = session.contracts;
  const receipt = await session.send(() => jury.close(given.case));
  const { ruling, weightFor, weightAgainst, revealed, penalties } = emitted(receipt, jury.interface, "JuryCaseClosed");
  const token = await session.stakeToken();
  return {
    case: given.case,
    ruling: named(RULINGS, ruling as bigint),
    weightFor: token.show(weightFor as bigint),
    weightAgainst: token.show(weightAgainst as bigint),
    revealed: revealed as bigint,
    penalties: token.show(penalties as bigint),
    transaction: receipt.hash,
  };
});

export const pay = action(async (session, given: { case: bigint }) => {
  const { jury } = session.contracts;
  const receipt = await session.send(() => jury.payJurors(given.case));
  const token = await session.stakeToken();
  const paid = receipt.logs
    .map((log) => jury.interface.parseLog(log))
    .filter((event) => event?.name === "JurorPaid")
    .map((event) => ({
      juror: String(event?.args.getValue("juror")),
      amount: token.show(event?.args.getValue("amount") as bigint),
    }));
  return { case: given.case, paid, transaction: receipt.hash };
});
