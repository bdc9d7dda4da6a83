import type { JobRequest, JobTerms } from "@assay/sdk";
import { downloadTensors, jobIdText, requestedTerms, unpackBundle } from "@assay/sdk";
import type { TransactionReceipt } from "ethers";

import { UserError } from "../support/errors.js";
import { readEvents } from "../support/events.js";
import { readBytes, writeBytes } from "../support/files.js";
import { findDelivered, findJob, outcomeOf, outputUriOf, statusOf } from "../support/jobs.js";
import { JOB_STATUSES, named } from "../support/names.js";
import { address, maybe, oneOf, required, whole } from "../support/parse.js";
import type { Fields } from "../support/report.js";
import { jobId, Listing, moment, orNone, percent, seconds } from "../support/report.js";
import type { Session } from "../support/session.js";
import { action, emitted } from "../support/session.js";
import { describeTensors, readInputs } from "../support/tensors.js";

/** Beyond the offer's own time, for the request to be mined. */
const SLACK_SECONDS = 600n;

interface RequestArguments {
  model: bigint;
  provider?: string;
  token?: string;
  input?: string;
  inputUri?: string;
  maxPrice?: string;
  minStake?: string;
  within?: string;
  wait: boolean;
  timeout: string;
  save?: string;
}

/** Everything is checked before the input travels or anything is paid. */
export const request = action(async (session, given: RequestArguments) => {
  const { market, models } = session.contracts;
  const timeout = whole("--timeout", given.timeout);
  const { inputSignature } = await models.specOf(given.model);
  const file = required("--input", given.input);
  const input = readInputs("--input", file, inputSignature);
  const job = await requestOf(session, given, input.root);
  if (given.inputUri) requirePacked(file, input.root);
  await market.request.staticCall(job);
  if (!given.inputUri) await session.client.upload(job.provider, input);

  const receipt = await session.send(() => market.request(job));
  const terms = requestedTerms(receipt.logs, session.deployment.market);
  const requested = { ...(await termsFields(session, terms)), transaction: receipt.hash };
  return given.wait ? { ...requested, ...(await waitFor(session, terms, timeout, given.save)) } : requested;
});

/** Writes inputs the way workers read them, to be published where `--input-uri` points. */
export const pack = action(async (session, given: { model: bigint; input?: string; save?: string }) => {
  const { inputSignature } = await session.contracts.models.specOf(given.model);
  const input = readInputs("--input", required("--input", given.input), inputSignature);
  const file = required("--save", given.save);
  writeBytes("--save", file, input.bytes);
  return { model: given.model, inputCommitment: input.root, saved: file, tensors: describe(input) };
});

export const show = action(async (session, given: { job: bigint; fromBlock: number }) => {
  const { market, disputes } = session.contracts;
  const { terms, inputUri, delivery } = await findJob(session, given.job, given.fromBlock);
  const caseId = await disputes.caseOfJob(terms.id);
  return {
    job: jobId(terms.id),
    status: await statusOf(session, terms.id),
    outcome: orNone(await outcomeOf(session, terms.id, given.fromBlock)),
    phaseEnd: moment(await market.phaseEndOf(terms.id)),
    ...(await termsFields(session, terms)),
    operator: terms.operator,
    inputUri: orNone(inputUri),
    outputCommitment: orNone(delivery?.outputCommitment),
    outputUri: orNone(delivery && (await outputUriOf(session, { terms, delivery }))),
    challengeableUntil: moment(delivery?.challengeableUntil ?? 0n),
    case: orNone(caseId === 0n ? undefined : caseId),
  };
});

interface ListArguments {
  client?: string;
  provider?: string;
  status?: string;
  fromBlock: number;
}

export const list = action(async (session, given: ListArguments) => {
  const { market } = session.contracts;
  const client = maybe(given.client, (text) => address("--client", text));
  const provider = maybe(given.provider, (text) => address("--provider", text));
  const wanted = maybe(given.status, (text) => oneOf("--status", text, JOB_STATUSES));
  const events = await readEvents(market, market.filters.JobRequested(undefined, client, provider), given.fromBlock);
  const rows = events.map(async ({ args }): Promise<Fields[]> => {
    const status = await market.statusOf(args.jobId);
    if (wanted !== undefined && status !== BigInt(wanted)) return [];
    const { modelId, token, price } = args.terms;
    return [
      {
        job: jobId(args.jobId),
        status: named(JOB_STATUSES, status),
        phaseEnd: moment(await market.phaseEndOf(args.jobId)),
        model: modelId,
        client: args.client,
        provider: args.provider,
        price: (await session.tokenAt(token)).show(price),
      },
    ];
  });
  return new Listing("jobs", (await Promise.all(rows)).flat());
});

export const result = action(async (session, given: { job: bigint; save?: string; fromBlock: number }) => {
  const { terms, delivery } = await findDelivered(session, given.job, given.fromBlock);
  return { job: jobId(terms.id), ...(await download(session, terms, delivery, given.save)) };
});

export const finalise = action(async (session, given: { job: bigint; fromBlock: number }) => {
  const { terms } = await findDelivered(session, given.job, given.fromBlock);
  const { market } = session.contracts;
  const receipt = await session.send(() => market.finalise(terms));
  return settled(session, terms, receipt);
});

export const expire = action(async (session, given: { job: bigint; fromBlock: number }) => {
  const { terms } = await findJob(session, given.job, given.fromBlock);
  const receipt = await session.send(() => session.contracts.market.expire(terms));
  return settled(session, terms, receipt);
});

export const decline = action(async (session, given: { job: bigint; fromBlock: number }) => {
  const { terms } = await findJob(session, given.job, given.fromBlock);
  const receipt = await session.send(() => session.contracts.market.decline(terms));
  return settled(session, terms, receipt);
});

/** Splits the pot of the job's earnings, which holds those of all paid jobs that split alike. */
export const collect = action(async (session, given: { job: bigint; fromBlock: number }) => {
  const { market } = session.contracts;
  const { terms } = await findJob(session, given.job, given.fromBlock);
  const { provider, modelId, token, protocolFeeBps } = terms;
  const receipt = await session.send(() => market.collect({ provider, modelId, token, protocolFeeBps }));
  const split = emitted(receipt, market.interface, "EarningsCollected") as Record<string, bigint> &
    Record<"payout" | "modelOwner" | "treasury", string>;
  const paid = await session.tokenAt(token);
  const amount = (name: string) => paid.show(split[name] ?? 0n);
  return {
    job: jobId(terms.id),
    provider,
    model: modelId,
    token,
    payout: split.payout,
    earned: amount("providerAmount"),
    modelOwner: split.modelOwner,
    royalty: amount("royaltyAmount"),
    treasury: split.treasury,
    fee: amount("feeAmount"),
    stakeReleased: (await session.stakeToken()).show(split.stakeReleased ?? 0n),
    transaction: receipt.hash,
  };
});

/** What the user asks for; what is not given is as the offer says now. */
async function requestOf(session: Session, given: RequestArguments, inputCommitment: string): Promise<JobRequest> {
  const provider = address("--provider", given.provider);
  const token = await session.token(given.token);
  const { price, maxDuration } = await session.contracts.providers.offerOf(provider, given.model, token.address);
  const stakeToken = await session.stakeToken();
  const within = given.within === undefined ? maxDuration + SLACK_SECONDS : whole("--within", given.within);
  return {
    provider,
    modelId: given.model,
    inputCommitment,
    token: token.address,
    maxPrice: given.maxPrice === undefined ? price : token.parse("--max-price", given.maxPrice),
    minStake: given.minStake === undefined ? 0n : stakeToken.parse("--min-stake", given.minStake),
    deliverBy: (await session.now()) + within,
    inputUri: given.inputUri ?? "",
  };
}

/** The provider will fetch a copy of this very file, so that it must say in what order its tensors were committed. */
function requirePacked(file: string, root: string): void {
  try {
    if (unpackBundle(readBytes("--input", file)).root === root) return;
  } catch {
    // Said below.
  }
  throw new UserError(`--input is ${JSON.stringify(file)}: no worker can read it from a URI; write it with job:pack`);
}

async function waitFor(session: Session, terms: JobTerms, timeout: bigint, save?: string): Promise<Fields> {
  const limit = AbortSignal.timeout(Number(timeout) * 1000);
  try {
    const delivery = await session.client.waitForDelivery(terms, limit);
    return { status: await statusOf(session, terms.id), ...(await download(session, terms, delivery, save)) };
  } catch (error) {
    if (!limit.aborted) throw error;
    throw new UserError(
      `job ${jobIdText(terms.id)} was not delivered within ${timeout} s: see job:show ${jobIdText(terms.id)}`,
    );
  }
}

async function download(
  session: Session,
  terms: JobTerms,
  delivery: { outputCommitment: string; outputUri: string; challengeableUntil: bigint },
  save?: string,
): Promise<Fields> {
  const uri = await outputUriOf(session, { terms, delivery });
  const output = await downloadTensors(uri, delivery.outputCommitment);
  if (save !== undefined) writeBytes("--save", save, output.bytes);
  return {
    outputCommitment: delivery.outputCommitment,
    outputUri: uri,
    verified: true,
    challengeableUntil: moment(delivery.challengeableUntil),
    saved: orNone(save),
    tensors: describe(output),
  };
}

async function settled(session: Session, terms: JobTerms, receipt: TransactionReceipt): Promise<Fields> {
  const token = await session.tokenAt(terms.token);
  return {
    job: jobId(terms.id),
    status: await statusOf(session, terms.id),
    outcome: orNone(await outcomeOf(session, terms.id, receipt.blockNumber)),
    price: token.show(terms.price),
    transaction: receipt.hash,
  };
}

async function termsFields(session: Session, terms: JobTerms): Promise<Fields> {
  const token = await session.tokenAt(terms.token);
  const stakeToken = await session.stakeToken();
  return {
    job: jobId(terms.id),
    client: terms.client,
    provider: terms.provider,
    model: terms.modelId,
    token: terms.token,
    price: token.show(terms.price),
    stake: stakeToken.show(terms.stake),
    protocolFee: percent(terms.protocolFeeBps),
    inputCommitment: terms.inputCommitment,
    executionDeadline: moment(terms.executionDeadline),
    challengeWindow: seconds(terms.challengeWindow),
  };
}

/** In signature order. */
function describe({ names, tensors }: ReturnType<typeof unpackBundle>): Fields[] {
  return describeTensors(new Map(names.flatMap((name) => [...tensors].filter(([found]) => found === name))));
}
