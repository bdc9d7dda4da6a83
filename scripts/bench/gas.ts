import type { ContractTransactionResponse } from "ethers";
import { getBytes, id, MaxUint256, parseEther } from "ethers";

import type { Market, Terms } from "../../test/support/fixture.js";
import {
  afterPhase,
  at,
  DAY,
  fundStakeBalance,
  MODEL_SPEC,
  networkHelpers,
  OFFER,
  openMarket,
  prepay,
  requestJob,
  requestOf,
  stake,
  STAKE,
  termsOf,
} from "../../test/support/fixture.js";
import { HOUR } from "../../test/support/assemble.js";
import {
  answerAudit,
  auditedMarket,
  awaitTurn,
  commitAudit,
  committedAudit,
  nextRound,
  PAY,
  passWindow,
  revealAudit,
} from "../../test/support/audits.js";
import type { Juror } from "../../test/support/jury.js";
import { commit, DELIVERED, drawnCase, OTHER, reveal } from "../../test/support/jury.js";

/** What one path cost. `jobs` is how many jobs it served; 0 for paths that belong to no job. */
export interface GasRow {
  path: string;
  gas: bigint;
  jobs: number;
  perJob: bigint;
}

/** A fixed clock: a time that is part of calldata costs what its bytes cost. */
const START = 2_000_000_000n;
const OUTPUT = id("output");

type Sent = Promise<ContractTransactionResponse>;

/** Gas of every path in steady state: the accounts, balances and pots involved are not empty. */
export async function measureGas(): Promise<GasRow[]> {
  return [
    ...(await fresh(oneJob)),
    ...(await fresh(batches)),
    ...(await fresh(withoutResult)),
    ...(await fresh((market) => dispute(market, "upheld", OTHER))),
    ...(await fresh((market) => dispute(market, "rejected", DELIVERED))),
    ...(await fresh(stakeAndMoney)),
    ...(await fresh(registration)),
    ...(await audit()),
  ];
}

/** A market in which everyone has done everything once, measured from a fixed time on. */
async function fresh(measure: (market: Market) => Promise<GasRow[]>): Promise<GasRow[]> {
  const market = await networkHelpers.loadFixture(openMarket);
  await prepay(market, market.client, parseEther("1000"));
  await at(START);
  const { terms } = await delivered(market);
  await afterPhase(market, terms);
  await market.market.finalise(terms);
  await market.market.collect(keyOf(terms));
  const next = await delivered(market);
  await afterPhase(market, next.terms);
  await market.market.finalise(next.terms);
  return measure(market);
}

async function oneJob(market: Market): Promise<GasRow[]> {
  const one = await delivered(market);
  await afterPhase(market, one.terms);
  const finalise = await gasOf(market.market.finalise(one.terms));
  const alone = one.request + one.submit + finalise;

  const due = await delivered(market);
  await afterPhase(market, due.terms);
  const { terms, request } = await requested(market);
  const riding = await gasOf(
    market.market.connect(market.operator).submitAndFinaliseDue(terms, OUTPUT, "", [due.terms]),
  );
  await afterPhase(market, terms);
  await market.market.finalise(terms);
  return [
    row("request", one.request),
    row("submit", one.submit),
    row("finalise, a transaction of its own", finalise),
    row("submit that finalises the job before", riding),
    row("job: request, submit, finalise in three transactions", alone),
    row("job: request, submit that finalises the job before", request + riding),
    row("collect the earnings of any number of jobs", await gasOf(market.market.collect(keyOf(terms))), 0),
  ];
}

async function batches(market: Market): Promise<GasRow[]> {
  const rows: GasRow[] = [];
  for (const jobs of [10, 50]) {
    const one = requestOf(market);
    const data = market.market.interface.encodeFunctionData("request", [one]);
    const sent = await market.market.connect(market.client).multicall(Array<string>(jobs).fill(data));
    const receipt = await sent.wait();
    const logs = receipt?.logs ?? [];
    const all: Terms[] = logs.flatMap((log) =>
      market.market.interface.parseLog(log)?.name === "JobRequested" ? [termsOf(market, [log])] : [],
    );
    const submits = all.map((terms) => market.market.interface.encodeFunctionData("submit", [terms, OUTPUT, ""]));
    const submit = await gasOf(market.market.connect(market.operator).multicall(submits));
    const last = all.at(-1);
    if (!last) throw new Error("no job was requested");
    await afterPhase(market, last);
    const finalise = await gasOf(market.market.finaliseDue(all));
    const request = receipt?.gasUsed ?? 0n;
    rows.push(
      row(`request ${String(jobs)} in one transaction`, request, jobs),
      row(`submit ${String(jobs)} in one transaction`, submit, jobs),
      row(`finalise ${String(jobs)} in one transaction`, finalise, jobs),
      row(`jobs: all three steps in batches of ${String(jobs)}`, request + submit + finalise, jobs),
    );
  }
  return rows;
}

async function withoutResult(market: Market): Promise<GasRow[]> {
  const declined = await requested(market);
  const decline = await gasOf(market.market.connect(market.operator).decline(declined.terms));
  const expired = await requested(market);
  await afterPhase(market, expired.terms);
  return [row("decline", decline), row("expire", await gasOf(market.market.expire(expired.terms)))];
}

async function dispute(market: Market, name: string, found: string): Promise<GasRow[]> {
  const { disputes, jury, challenger } = market;
  const { terms, caseId, seats } = await drawnCase(market);
  const [challenged] = await disputes.queryFilter(disputes.filters.CaseOpened(caseId));
  const [drawn] = await jury.queryFilter(jury.filters.JurorsDrawn(caseId));
  const challenge = (await challenged?.getTransactionReceipt())?.gasUsed ?? 0n;
  const draw = (await drawn?.getTransactionReceipt())?.gasUsed ?? 0n;

  const jurors: Juror[] = [];
  for (const seat of seats) jurors.push(await withoutZeros(market, caseId, seat, found));
  const commits: bigint[] = [];
  for (const juror of jurors) commits.push(await gasOf(commit(market, caseId, juror, found)));
  await networkHelpers.time.increase(HOUR + 1n);
  const reveals: bigint[] = [];
  for (const juror of jurors) reveals.push(await gasOf(reveal(market, caseId, juror, found)));
  await networkHelpers.time.increase(HOUR + 1n);
  const close = await gasOf(jury.close(caseId));
  const resolve = await gasOf(disputes.connect(challenger).resolve(caseId, terms));
  const pay = await gasOf(jury.payJurors(caseId));
  const total = [challenge, draw, ...commits, ...reveals, close, resolve, pay].reduce((sum, gas) => sum + gas, 0n);
  const steps =
    name === "upheld"
      ? [
          row("dispute: challenge before 4 eligible jurors", challenge),
          row("dispute: draw 3 jurors", draw),
          row("dispute: a juror's commitment", commits.at(-1) ?? 0n),
          row("dispute: a juror's reveal", reveals.at(-1) ?? 0n),
          row("dispute: close the vote", close),
        ]
      : [];
  return [
    ...steps,
    row(`dispute: resolve, ${name}`, resolve),
    row(`dispute: pay 3 jurors, ${name}`, pay),
    row(`dispute: every step, ${name}`, total),
  ];
}

/** A juror with a salt that makes a commitment without zero bytes: those cost less, and are chance. */
async function withoutZeros(market: Market, caseId: bigint, juror: Juror, found: string): Promise<Juror> {
  for (let tries = 0; ; tries++) {
    const salt = id(`salt ${String(tries)}`);
    const commitment = await market.jury.commitmentOf(caseId, juror.provider, found, salt);
    if (![salt, commitment].some((word) => getBytes(word).includes(0))) return { ...juror, salt };
  }
}

/** One audit that agrees, after another of the same auditor: nothing of it is part of the path of a job. */
async function audit(): Promise<GasRow[]> {
  const market = await networkHelpers.loadFixture(auditedMarket);
  const { audits, client, first, modelId } = market;
  // A chain of its own would have to be loaded before the others: this one goes on where they ended.
  await at(START + 365n * DAY);
  const before = await committedAudit(market);
  await answerAudit(market, before);
  await revealAudit(market, before);
  await passWindow(market, before);
  await audits.close(before.terms.id);
  await audits.connect(client).fund(modelId, PAY);

  const terms = await requestJob(market);
  const book = await gasOf(audits.connect(client).book(terms));
  await market.market.connect(market.operator).submit(terms, OUTPUT, "");
  const round = await nextRound(market);
  const [asked] = await audits.queryFilter(audits.filters.SeedAsked(round));
  const ask = (await asked?.getTransactionReceipt())?.gasUsed ?? 0n;
  await networkHelpers.mine(2);
  const record = await gasOf(audits.recordSeed(round));
  const job = { terms, round, seed: (await audits.roundOf(round)).seed };
  await awaitTurn(market, job, first);
  const commitment = await gasOf(commitAudit(market, job, first));
  const answer = await gasOf(answerAudit(market, job));
  const reveal = await gasOf(revealAudit(market, job));
  await passWindow(market, job);
  const close = await gasOf(audits.close(terms.id));
  const enrol = await gasOf(audits.connect(first.operator).enrol(modelId, first.provider, 1));
  return [
    row("audit: ask for the seed of any number of jobs", ask, 0),
    row("audit: record it", record, 0),
    row("audit: fund a model", await gasOf(audits.connect(client).fund(modelId, PAY)), 0),
    row("audit: book", book),
    row("audit: the auditor's commitment", commitment),
    row("audit: the provider's answer", answer),
    row("audit: the auditor's reveal", reveal),
    row("audit: close, agreed", close),
    row("audit: every step of a booked audit", book + commitment + answer + reveal + close),
    row("auditor: more tickets", enrol, 0),
  ];
}

async function stakeAndMoney(market: Market): Promise<GasRow[]> {
  const { escrow, staking, provider, client, payToken, stakeToken } = market;
  const amount = parseEther("1");
  await payToken.mint(client.address, 2n * amount);
  await stakeToken.mint(provider.address, 2n * amount);
  await stakeToken.connect(provider).approve(staking, MaxUint256);
  await fundStakeBalance(market, client, amount);
  const rows = [
    row("escrow: deposit", await gasOf(escrow.connect(client).deposit(payToken, client, amount)), 0),
    row("escrow: transfer", await gasOf(escrow.connect(client).transfer(stakeToken, provider, amount / 2n)), 0),
    row("escrow: withdraw", await gasOf(escrow.connect(client).withdraw(payToken, client, amount)), 0),
    row("stake: deposit", await gasOf(staking.connect(provider).deposit(provider, amount)), 0),
    row("stake: request unbonding", await gasOf(staking.connect(provider).requestUnbonding(amount)), 0),
  ];
  await networkHelpers.time.increase(21n * DAY);
  return [...rows, row("stake: withdraw", await gasOf(staking.connect(provider).withdraw(provider)), 0)];
}

async function registration(market: Market): Promise<GasRow[]> {
  const { models, providers, jury, people, payToken, modelId } = market;
  const [owner, operator] = people.slice(-2);
  if (!owner || !operator) throw new Error("no spare accounts");
  const register = providers.connect(owner).register(operator, owner, 4n, "https://provider.example", "0x");
  const rows = [
    row("model: register", await gasOf(models.connect(market.modelOwner).register(MODEL_SPEC)), 0),
    row("provider: register", await gasOf(register), 0),
  ];
  const offer = providers.connect(owner).setOffer(modelId, payToken, OFFER.price, OFFER.stake, OFFER.maxDuration);
  rows.push(row("provider: first offer", await gasOf(offer), 0));
  const again = providers.connect(owner).setOffer(modelId, payToken, OFFER.price + 1n, OFFER.stake, OFFER.maxDuration);
  rows.push(row("provider: change an offer", await gasOf(again), 0));
  await stake(market, owner, STAKE);
  rows.push(row("juror: enrol", await gasOf(jury.connect(operator).enrol(modelId, owner)), 0));
  return rows;
}

async function requested(market: Market) {
  const sent = await market.market.connect(market.client).request(requestOf(market));
  const receipt = await sent.wait();
  return { terms: termsOf(market, receipt?.logs ?? []), request: receipt?.gasUsed ?? 0n };
}

async function delivered(market: Market) {
  const job = await requested(market);
  const submit = await gasOf(market.market.connect(market.operator).submit(job.terms, OUTPUT, ""));
  return { ...job, submit };
}

async function gasOf(sent: Sent): Promise<bigint> {
  const receipt = await (await sent).wait();
  return receipt?.gasUsed ?? 0n;
}

function row(path: string, gas: bigint, jobs = 1): GasRow {
  return { path, gas, jobs, perJob: gas / BigInt(Math.max(1, jobs)) };
}

function keyOf({ provider, modelId, token, protocolFeeBps }: Terms) {
  return { provider, modelId, token, protocolFeeBps };
}
