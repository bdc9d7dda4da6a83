import { ChildRuntime } from "@assay/provider-worker";
import type { Accusation, CourtModel, Part, TraceCommitment } from "@assay/sdk";
import {
  answerDemand,
  courtBatches,
  firstDivergent,
  MerkleTree,
  metaHeader,
  nextStep,
  nodesTree,
  partKey,
  inPartsThatFit,
  proofCalls,
  runTrace,
  shownIn,
  traceFactsOf,
} from "@assay/sdk";

import type { CourtCase } from "../support/courtCase.js";
import { findCourtCase, postedRoots } from "../support/courtCase.js";
import type { RunArguments } from "../support/courtModel.js";
import { caseModel, caseRun, packTrace, readCourtModel } from "../support/courtModel.js";
import { UserError } from "../support/errors.js";
import { writeBytes } from "../support/files.js";
import { RUN_LIMITS } from "../support/manifest.js";
import { required, whole } from "../support/parse.js";
import type { Fields } from "../support/report.js";
import type { Session } from "../support/session.js";
import { action, emitted, localAction } from "../support/session.js";
import { readTensors } from "../support/tensors.js";

interface CaseArguments {
  case: bigint;
  fromBlock: number;
}

/** Runs a model on this machine and keeps every tensor of the run. */
export const run = localAction(async (given: { file?: string; input?: string; save?: string; tolerance: boolean }) => {
  const save = required("--save", given.save);
  const inputs = readTensors("--input", required("--input", given.input));
  const model = await readCourtModel(given.file, given.tolerance);
  const trace = await runTrace(model, inputs, new ChildRuntime(RUN_LIMITS));
  writeBytes("--save", save, packTrace(trace));
  return { saved: save, graphCommitment: model.commitment, tensors: trace.length };
});

export const postTrace = action(async (session, given: CaseArguments & RunArguments) => {
  const { court } = session.contracts;
  const found = await findCourtCase(session, given.case, given.fromBlock);
  const model = await caseModel(session, found, given.file);
  const roots = rootsOf(await caseRun(session, found, model, given));
  const receipt = await session.send(() =>
    court.postTrace(given.case, [...found.facts] as never, model.graph as never, roots),
  );
  const { traceRoot } = emitted(receipt, court.interface, "TracePosted");
  return { case: given.case, traceRoot: String(traceRoot), tensors: roots.length, transaction: receipt.hash };
});

interface PartArguments {
  tensor?: string;
  level: string;
  index: string;
}

export const demand = action(async (session, given: CaseArguments & PartArguments & { file?: string }) => {
  const found = await findCourtCase(session, given.case, given.fromBlock);
  const model = await caseModel(session, found, given.file);
  const part = {
    tensor: Number(whole("--tensor", given.tensor)),
    level: Number(whole("--level", given.level)),
    index: Number(whole("--index", given.index)),
  };
  return { case: given.case, ...(await sendDemand(session, found, model, part)) };
});

/** Answers every demand that nobody answered yet. */
export const answer = action(async (session, given: CaseArguments & RunArguments) => {
  const { court } = session.contracts;
  const found = await findCourtCase(session, given.case, given.fromBlock);
  const open = found.demands.filter((each) => !each.answer);
  if (open.length === 0) throw new UserError(`no demand of case ${given.case} is open: nothing is left to do`);
  const model = await caseModel(session, found, given.file);
  const trace = await caseRun(session, found, model, given);
  const roots = rootsOf(trace);
  const [tree, facts] = [MerkleTree.fromHashes(roots), traceFactsOf(model.graph, roots)];
  const calls = open.map(({ part }) => {
    const committed = tensorOf(trace, part.tensor);
    const shown = answerDemand(committed, part);
    const root = committed.header.merkleRoot;
    const proofs: [string[], string, string[]] = [[...shown.proof], root, tree.proof(part.tensor)];
    const data =
      shown.kind === "leaf"
        ? court.interface.encodeFunctionData("revealLeaf", [given.case, facts, part, shown.leaf, ...proofs])
        : court.interface.encodeFunctionData("revealChildren", [
            given.case,
            facts,
            part,
            [...shown.children],
            ...proofs,
          ]);
    return { part, shown: shown.kind, data };
  });
  const answered: Fields[] = [];
  for (const batch of courtBatches(calls)) {
    const receipt = await session.send(() => court.multicall(batch.map(({ data }) => data)));
    answered.push(...batch.map(({ part, shown }) => ({ ...part, shown, transaction: receipt.hash })));
  }
  return { case: given.case, answered };
});

/** One step towards a conviction: the proof, or with `--demand` the demand that it still needs. */
export const prove = action(async (session, given: CaseArguments & RunArguments & { demand: boolean }) => {
  const found = await findCourtCase(session, given.case, given.fromBlock);
  const roots = postedRoots(found);
  const model = await caseModel(session, found, given.file);
  const honest = await caseRun(session, found, model, given);
  if (firstDivergent(honest, roots) === undefined)
    throw new UserError(`the trace of case ${given.case} is that of your run: nothing to prove`);
  const step = nextStep(model, honest, roots, shownIn(found.demands));
  if (step.kind === "accuse") return { case: given.case, ...(await accuse(session, given.case, step.accusation)) };
  if (step.kind === "nothing") throw new UserError(nothingContradicts(given.case));
  const isAsked = (part: Part) => found.demands.some((each) => partKey(each.part) === partKey(part));
  const part = step.parts.find((each) => !isAsked(each)) ?? step.parts[0];
  if (!part) throw new UserError(nothingContradicts(given.case));
  if (given.demand) return { case: given.case, proven: false, ...(await sendDemand(session, found, model, part)) };
  throw new UserError(
    `tensor ${part.tensor} differs, level ${part.level} index ${part.index} of it is not shown: ` +
      `demand it with court:demand, or give --demand`,
  );
});

/** Convicts by the first demand that is overdue. */
export const silence = action(async (session, given: CaseArguments) => {
  const { court } = session.contracts;
  const found = await findCourtCase(session, given.case, given.fromBlock);
  const open = found.demands.filter((each) => !each.answer);
  const [first] = open.sort((a, b) => Number(a.replyBy - b.replyBy));
  if (!first) throw new UserError(`no demand of case ${given.case} is open: see dispute:explain ${given.case}`);
  const receipt = await session.send(() => court.proveSilence(given.case, first.part));
  return { case: given.case, finder: first.demander, ...first.part, transaction: receipt.hash };
});

/** Sends fees of demands where the ruling sends them; what is sent already is passed over. */
export const collect = action(async (session, given: CaseArguments) => {
  const { court } = session.contracts;
  const found = await findCourtCase(session, given.case, given.fromBlock);
  const token = await session.stakeToken();
  const owed: { data: string }[] = [];
  for (const { part } of found.demands) {
    if ((await court.demandOf(given.case, part)).deadline === 0n) continue;
    owed.push({ data: court.interface.encodeFunctionData("payDemandFee", [given.case, part]) });
  }
  const paid: Fields[] = [];
  for (const batch of courtBatches(owed)) {
    const receipt = await session.send(() => court.multicall(batch.map(({ data }) => data)));
    for (const log of receipt.logs) {
      const parsed = court.interface.parseLog(log);
      if (parsed?.name !== "DemandFeePaid") continue;
      const { to, amount } = parsed.args.toObject() as { to: string; amount: bigint };
      paid.push({ to, amount: token.show(amount), transaction: receipt.hash });
    }
  }
  return { case: given.case, paid };
});

async function sendDemand(session: Session, found: CourtCase, model: CourtModel, part: Part): Promise<Fields> {
  const { court } = session.contracts;
  const nodeIndex = part.tensor - model.inputNames.length;
  const [node, meta] = [model.nodes[nodeIndex], model.tensors[part.tensor]];
  if (!node || !meta) {
    const [first, last] = [model.inputNames.length, model.tensors.length - 1];
    throw new UserError(`--tensor is ${part.tensor}: nodes write tensors ${first} to ${last}`);
  }
  const proof = nodesTree(model.nodes).proof(nodeIndex);
  const receipt = await session.send(() =>
    court.demand(
      found.id,
      traceFactsOf(model.graph, postedRoots(found)),
      part,
      node as never,
      proof,
      metaHeader(meta) as never,
    ),
  );
  const { replyBy } = emitted(receipt, court.interface, "PartDemanded");
  return { demanded: { ...part }, replyBy: replyBy as bigint, transaction: receipt.hash };
}

async function accuse(session: Session, caseId: bigint, accusation: Accusation): Promise<Fields> {
  const { court } = session.contracts;
  const { kind, claim, provenance } = accusation;
  const prover = await session.signer.getAddress();
  const to = await court.getAddress();
  const transactions: string[] = [];
  await inPartsThatFit(accusation, async (tried) => {
    const calls = await proofCalls(court, caseId, prover, tried);
    if (!calls) throw new UserError(nothingContradicts(caseId));
    for (const { data } of calls) {
      transactions.push((await session.send(() => session.signer.sendTransaction({ to, data }))).hash);
    }
  });
  const [calls, transaction] = [transactions.length, transactions.at(-1) ?? ""];
  return { proven: true, kind, node: provenance.nodeIndex, element: claim.element, calls, transaction };
}

const nothingContradicts = (caseId: bigint): string =>
  `no element of what was shown in case ${caseId} contradicts its operands`;

function tensorOf({ tensors }: TraceCommitment, index: number) {
  const tensor = tensors[index];
  if (!tensor) throw new UserError(`the trace has no tensor ${index}`);
  return tensor;
}

function rootsOf({ tensors }: TraceCommitment): string[] {
  return tensors.map(({ header }) => header.merkleRoot);
}
