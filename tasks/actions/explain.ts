import type { ExplainedClaim } from "@assay/sdk";
import { CourtStage, decodeAccusation, dtypeFromOnnx, explainClaim, Source, toPart } from "@assay/sdk";
import { ZeroAddress } from "ethers";

import { consequencesOf, findCase } from "../support/cases.js";
import type { CourtCase } from "../support/courtCase.js";
import { findCourtCase } from "../support/courtCase.js";
import { readEvents } from "../support/events.js";
import { findJob } from "../support/jobs.js";
import { named, PHASES, PROFILES, RULINGS } from "../support/names.js";
import type { Fields } from "../support/report.js";
import { jobId, moment, orNone, Shown } from "../support/report.js";
import type { Session } from "../support/session.js";
import { action } from "../support/session.js";
import { exactScalar } from "../support/tensors.js";

/** Elements of an operand that people are shown. */
const SHOWN_ELEMENTS = 10;
const UPHELD = 1n;
const NOBODY = "nobody: a second signature convicts at once";

/** A case from events and reads alone, so that one that ended is explained as well. */
export const explain = action(async (session, given: { case: bigint; fromBlock: number }) => {
  const { models, court } = session.contracts;
  const { facts, outputCommitment } = await findCase(session, given.case, given.fromBlock);
  const { terms } = await findJob(session, facts.jobId, given.fromBlock);
  const { profile } = await models.factsOf(terms.modelId);
  const byProof = facts.arbiter === (await court.getAddress());
  const judgedBy = facts.arbiter === ZeroAddress ? NOBODY : byProof ? "proof court" : "jury";
  return {
    case: given.case,
    job: jobId(facts.jobId),
    model: terms.modelId,
    profile: named(PROFILES, profile),
    judgedBy,
    provider: terms.provider,
    challenger: facts.challenger,
    openedAt: moment(facts.openedAt),
    inputCommitment: terms.inputCommitment,
    outputCommitment,
    ruling: named(RULINGS, facts.ruling),
    ...(byProof ? await beforeCourt(session, given) : {}),
    ...(judgedBy === "jury" ? await beforeJury(session, given.case) : {}),
    ...(await bySecondSignature(session, given)),
    ...(await consequencesOf(session, given.case, given.fromBlock)),
  };
});

/** What ends a case whatever its arbiter was about to say. */
async function bySecondSignature(
  { contracts: { disputes } }: Session,
  given: { case: bigint; fromBlock: number },
): Promise<Fields> {
  const [proven] = await readEvents(disputes, disputes.filters.EquivocationProven(given.case), given.fromBlock);
  if (!proven) return {};
  const { finder, signed } = proven.args;
  return {
    state: "convicted: the provider signed another result than it delivered",
    acquittedAfter: moment(0n),
    proof: { kind: "second signature", shownBy: finder, signed, transaction: proven.transactionHash },
  };
}

async function beforeJury({ contracts: { jury } }: Session, caseId: bigint): Promise<Fields> {
  return { juryPhase: named(PHASES, await jury.phaseOf(caseId)), seats: `see jury:show ${caseId}` };
}

async function beforeCourt(session: Session, given: { case: bigint; fromBlock: number }): Promise<Fields> {
  const { court } = session.contracts;
  const found = await findCourtCase(session, given.case, given.fromBlock);
  const [ruling] = await court.rulingOf(given.case);
  const { posted } = found;
  return {
    courtRuling: named(RULINGS, ruling),
    state: stateOf(found, ruling),
    ...(await deadlinesOf(session, found, ruling === UPHELD)),
    traceRoot: orNone(posted?.args.traceRoot),
    tracePostedIn: orNone(posted?.transactionHash),
    tensors: orNone(posted?.args.roots.length),
    demands: await demandsOf(session, found),
    proof: orNone(await proofOf(found, await court.getAddress())),
  };
}

/** What the case is about now, in words. */
function stateOf({ posted, demands, fraud, malformed, silence }: CourtCase, ruling: bigint): string {
  if (fraud) return "convicted: an element contradicts its operands";
  if (malformed) return "convicted: a leaf that no honest party commits to";
  if (silence) return "convicted: a demand was not answered in time";
  if (ruling === UPHELD) return "convicted: no trace in time";
  if (ruling !== 0n) return "acquitted: nobody proved anything in time";
  if (!posted) return "the provider has to post its trace";
  const open = demands.filter(({ answer }) => !answer).length;
  if (open > 0) return `the provider has to answer ${open} demand${open === 1 ? "" : "s"}`;
  return "anyone may demand parts of the trace or prove it wrong";
}

async function deadlinesOf(
  { contracts: { court } }: Session,
  { id, replyBy }: CourtCase,
  convicted: boolean,
): Promise<Fields> {
  const { windowEnd, movedAt, pending, stage } = await court.courtCaseOf(id);
  const [reply, claim, depth] = [await court.REPLY_PERIOD(), await court.CLAIM_PERIOD(), await court.DEPTH()];
  const quietUntil = movedAt + claim > windowEnd ? movedAt + claim : windowEnd;
  return {
    traceBy: moment(replyBy),
    windowEnd: moment(windowEnd),
    lastDemandAt: moment(windowEnd + (depth + 1n) * (reply + claim)),
    acquittedAfter: moment(stage < CourtStage.Traced || pending > 0n || convicted ? 0n : quietUntil),
  };
}

async function demandsOf(session: Session, { demands }: CourtCase): Promise<Fields[]> {
  const now = await session.now();
  return demands.map(({ part, demander, replyBy, transaction, answer }) => ({
    ...part,
    demander,
    replyBy: moment(replyBy),
    demandedIn: transaction,
    answer: answer ? (answer.children ? `${answer.children.length} hashes` : "leaf") : now > replyBy ? "late" : "open",
    answeredIn: orNone(answer?.transaction),
  }));
}

async function proofOf({ fraud, malformed, silence }: CourtCase, court: string): Promise<Fields | undefined> {
  if (malformed) {
    const { finder, tensor, leaf } = malformed.args;
    return { kind: "malformed leaf", finder, tensor, leaf, transaction: malformed.transactionHash };
  }
  if (silence) {
    const { finder, part } = silence.args;
    return { kind: "silence", finder, ...toPart(part), transaction: silence.transactionHash };
  }
  if (!fraud) return undefined;
  const { finder, nodeIndex, operator, element } = fraud.args;
  const { data, to } = await fraud.getTransaction();
  // Another contract may be given one claim and make another.
  const accusation = to === court ? decodeAccusation(data) : undefined;
  const common = { kind: "fraud", finder, node: nodeIndex, transaction: fraud.transactionHash };
  // Through another contract, or in parts, the claim does not stand in the transaction as a whole.
  if (!accusation) return { ...common, operator: `0x${operator.toString(16).padStart(4, "0")}`, element };
  return { ...common, ...claimFields(explainClaim(accusation.claim)), element };
}

function claimFields({ instruction, index, operands, read, claimed, correct }: ExplainedClaim): Fields {
  return {
    operator: instruction.operator,
    index: new Shown(`[${index.join(",")}]`, index),
    claimed: exactScalar(claimed),
    correct: exactScalar(correct),
    operands: operands.map(({ source, tensor, header }, operand): Fields => {
      if (source === Source.Absent) return { operand, from: "absent" };
      const values = read.filter((each) => each.operand === operand);
      const dims = header.dims.slice(0, header.rank);
      return {
        operand,
        from: source === Source.Trace ? `tensor ${tensor}` : "constant",
        dtype: dtypeFromOnnx(header.dtype),
        dims: new Shown(`[${dims.join(",")}]`, dims),
        read: elements(values),
      };
    }),
  };
}

function elements(values: ExplainedClaim["read"]): Shown {
  const first = values.slice(0, SHOWN_ELEMENTS).map(({ element, value }) => `[${element}] ${exactScalar(value).text}`);
  const rest = values.length > SHOWN_ELEMENTS ? `, … (${values.length} elements)` : "";
  const data = values.map(({ element, value }) => ({ element, value: exactScalar(value) }));
  return new Shown(first.join(", ") + rest, data);
}
