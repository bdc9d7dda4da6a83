import { rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { AssayContracts, Deployment } from "@assay/sdk";
import { connect } from "@assay/sdk";
import type { JsonRpcProvider, Wallet } from "ethers";
import { parseUnits } from "ethers";
import type { Logger } from "pino";

import { AuditDesk } from "./audits/office.js";
import { decodeEvent, followedEvents } from "./chain/events.js";
import { LogReader } from "./chain/logReader.js";
import { rpcProvider } from "./chain/rpc.js";
import { Submitter } from "./chain/submitter.js";
import { Checker } from "./content/checker.js";
import { Fetcher } from "./content/fetcher.js";
import { ContentServer } from "./content/server.js";
import { SignedResults } from "./content/signedResults.js";
import { ContentStore } from "./content/store.js";
import { CourtModels } from "./court/courtModels.js";
import { Tracer } from "./court/courtRuns.js";
import { readGraph } from "./court/readGraph.js";
import type { RuntimeLimits, StartRuntime } from "./court/runtime.js";
import { ChildRuntime } from "./court/runtime.js";
import { unlessAborted } from "./deadline.js";
import { JournalError, WorkerError } from "./errors.js";
import type { RunnerLimits } from "./inference/runner.js";
import { Executor } from "./jobs/executor.js";
import { Journal } from "./jobs/journal.js";
import { Needs } from "./jobs/needs.js";
import { Metrics, MetricsServer } from "./metrics.js";
import type { StartRunner } from "./models/modelCache.js";
import { ModelCache } from "./models/modelCache.js";
import { AnswerAudits } from "./roles/answerAudits.js";
import { BuyTickets } from "./roles/buyTickets.js";
import { CloseAudits } from "./roles/closeAudits.js";
import { Defend } from "./roles/defend.js";
import { Juror } from "./roles/juror.js";
import { Prosecute } from "./roles/prosecute.js";
import { RecordSeeds } from "./roles/recordSeeds.js";
import { Resolve } from "./roles/resolve.js";
import type { Role, RoleContext } from "./roles/role.js";
import { Serve } from "./roles/serve.js";
import { Settle } from "./roles/settle.js";
import { SpotCheck } from "./roles/spotCheck.js";
import { TakeAudits } from "./roles/takeAudits.js";
import type { WorkerSettings } from "./settings.js";

const REPLACE_AFTER_LOOKS = 15;
const PRUNE_EVERY_SECONDS = 600;
/** Share of the store that one origin may upload in an hour. */
const UPLOAD_SHARE = 0.1;

export interface WorkerParts {
  settings: WorkerSettings;
  deployment: Deployment;
  wallet: Wallet;
  log: Logger;
  /** How models are started; another one only in tests. */
  startRunner?: StartRunner;
  /** How the runs of jobs in dispute are made; another one only in tests. */
  startRuntime?: StartRuntime;
}

/** Everything put together. The constructor builds, `run` acts until its signal stops it. */
export class Worker {
  readonly #parts: WorkerParts;
  /** Copies of models while they are worked on. */
  readonly #scratch: string;
  readonly #provider: JsonRpcProvider;
  readonly #contracts: AssayContracts;
  readonly #journal: Journal;
  readonly #fetcher: Fetcher;
  readonly #startRuntime: StartRuntime;
  readonly #courtModels: CourtModels;
  readonly #models: ModelCache;
  readonly #checker = new Checker();
  readonly #store: ContentStore;
  readonly #needs: Needs;
  /** Goes on beside everything else. */
  #sweep: Promise<void> | undefined;
  readonly #server: ContentServer;
  readonly #reader: LogReader;
  readonly #metrics = new Metrics();
  /** When to look again for something to forget. */
  #pruneAt = 0;
  /** Undefined if the settings name no port. */
  readonly #metricsServer: MetricsServer | undefined;

  constructor(parts: WorkerParts) {
    const { settings, deployment } = parts;
    this.#parts = parts;
    this.#scratch = path.join(settings.dataDir, "scratch");
    this.#provider = rpcProvider(settings.rpcUrl, settings.chainId);
    this.#contracts = connect(deployment, this.#provider);
    this.#journal = new Journal(path.join(settings.dataDir, "journal.sqlite"));
    const shelves = {
      tensors: { maxBytes: settings.limits.storeBytes, needed: () => this.#needs.tensors() },
      files: { maxBytes: settings.limits.fileBytes, needed: () => this.#needs.files() },
    };
    this.#store = new ContentStore(path.join(settings.dataDir, "content"), shelves, this.#checker);
    this.#fetcher = new Fetcher(settings.fetch);
    const limits: RunnerLimits = { timeoutMs: settings.limits.inferenceMs, memoryMb: settings.limits.inferenceMb };
    const runtimeLimits: RuntimeLimits = { ...limits, scratch: this.#scratch };
    const graphLimits = { ...runtimeLimits, timeoutMs: settings.limits.loadMs };
    this.#startRuntime = parts.startRuntime ?? ((stop) => new ChildRuntime(runtimeLimits, stop));
    this.#courtModels = new CourtModels(
      this.#contracts,
      (file, sums, signal) => readGraph(file, sums, graphLimits, signal),
      this.#startRuntime,
    );
    this.#models = new ModelCache(
      this.#contracts,
      this.#store,
      this.#fetcher,
      {
        maxModelBytes: settings.limits.modelBytes,
        maxRunners: settings.limits.runners,
        loadMs: settings.limits.loadMs,
        outputBytes: settings.limits.outputBytes,
        ...limits,
      },
      this.#courtModels,
      parts.startRunner,
    );
    const domain = { chainId: BigInt(settings.chainId), disputes: deployment.disputes };
    const results = new SignedResults(this.#journal, parts.wallet, domain);
    this.#server = new ContentServer(this.#store, {
      ...settings.content,
      maxUploadBytes: settings.limits.inputBytes,
      uploadBytesPerHour: Math.max(UPLOAD_SHARE * settings.limits.storeBytes, 2 * settings.limits.inputBytes),
      onRefused: (status) => {
        this.#metrics.refusedUploads.inc({ status });
      },
      resultOf: (job) => results.of(job),
    });
    if (settings.metrics.port !== 0) this.#metricsServer = new MetricsServer(this.#metrics.registry, settings.metrics);
    this.#reader = new LogReader(this.#provider, this.#journal, {
      addresses: [
        deployment.providers,
        deployment.market,
        deployment.disputes,
        deployment.jury,
        deployment.court,
        deployment.audits,
      ],
      startBlock: Math.max(settings.startBlock, deployment.block ?? 0),
      confirmations: settings.confirmations,
      chunkBlocks: settings.chunkBlocks,
      overlapBlocks: settings.overlapBlocks,
      events: followedEvents(deployment.block),
      decode: decodeEvent,
      requireChain: () => this.#requireChain(),
    });
    this.#needs = new Needs({
      contracts: this.#contracts,
      journal: this.#journal,
      models: this.#models,
      provider: settings.provider,
      operator: parts.wallet.address,
      named: [...settings.models, ...settings.audit.models],
      prosecutes: settings.roles.includes("audit"),
      // A node may say that it is later than it is.
      readUntil: () => Math.min(this.#reader.readUntil, Date.now() / 1000),
    });
  }

  /** Works until `signal` aborts, then ends within the shutdown time. `onReady` gets the content store's port. */
  async run(signal: AbortSignal, onReady?: (contentPort: number) => void): Promise<void> {
    const { settings, log } = this.#parts;
    try {
      await unlessAborted(signal, this.#requireChain());
      // What a worker that was killed left; the journal is locked, so no other one is at work here.
      await rm(this.#scratch, { recursive: true, force: true });
      const port = await this.#server.start();
      await this.#metricsServer?.start();
      const submitter = this.#submitter(signal);
      submitter.recover();
      const roles = this.#roles(submitter, signal);
      this.#sweep = this.#store.sweep(signal).catch((error: unknown) => {
        log.warn({ err: error }, "content store not looked through: trying again at the next start");
      });
      log.info({ roles: roles.map(({ name }) => name), contentPort: port }, "started");
      onReady?.(port);
      while (!signal.aborted) {
        await unlessAborted(signal, this.#step(roles)).catch((error: unknown) => {
          if (error instanceof JournalError) throw error;
          if (!signal.aborted) log.warn({ err: error }, "step failed: trying again");
        });
        await sleep(settings.pollMs, undefined, { signal }).catch(() => undefined);
      }
    } catch (error) {
      if (!signal.aborted || error instanceof JournalError) throw error;
    } finally {
      await this.#stop();
    }
  }

  async #step(roles: readonly Role[]): Promise<void> {
    await this.#reader.poll();
    await this.#readOlder();
    const block = await this.#provider.getBlock("latest");
    if (!block) throw new WorkerError("the node has no latest block", true);
    for (const role of roles) await role.tick(block.timestamp);
    // After the roles: each has seen what is forgotten.
    // The chain's clock, or this machine's where that is behind: a node may say that it is later than it is.
    this.#prune(Math.min(block.timestamp, Date.now() / 1000));
    if (this.#metricsServer) await this.#measure(block.number);
  }

  /** What a node does not give of long ago keeps nothing that is new waiting. */
  async #readOlder(): Promise<void> {
    try {
      await this.#reader.readOlder();
    } catch (error) {
      if (error instanceof JournalError) throw error;
      this.#parts.log.warn({ err: error }, "older events not read yet");
    }
  }

  /** Some at each look while there is something to forget. */
  #prune(now: number): void {
    if (now >= this.#pruneAt && this.#journal.prune(now) === 0) this.#pruneAt = now + PRUNE_EVERY_SECONDS;
  }

  async #measure(head: number): Promise<void> {
    const read = this.#journal.checkpoint()?.block;
    if (read !== undefined) {
      this.#metrics.readBlock.set(read);
      this.#metrics.lag.set(Math.max(0, head - read));
    }
    this.#metrics.balance.set(Number(await this.#provider.getBalance(this.#parts.wallet.address)));
  }

  async #requireChain(): Promise<void> {
    const { settings, deployment } = this.#parts;
    const chainId = BigInt((await this.#provider.send("eth_chainId", [])) as string);
    if (chainId !== BigInt(settings.chainId)) {
      throw new WorkerError(`${settings.rpcUrl} is chain ${String(chainId)}, settings say ${settings.chainId}`);
    }
    if ((await this.#provider.getCode(deployment.market)) === "0x") {
      throw new WorkerError(`no market at ${deployment.market} on chain ${settings.chainId}: check deployment`);
    }
    const first = await this.#provider.getBlock(0);
    if (!first?.hash) throw new WorkerError(`${settings.rpcUrl} does not know the first block of the chain`, true);
    this.#journal.bindTo({ chain: String(chainId), genesis: first.hash, market: deployment.market });
  }

  #submitter(signal: AbortSignal): Submitter {
    const { settings, wallet } = this.#parts;
    return new Submitter(wallet, this.#provider, BigInt(settings.chainId), this.#journal, {
      pollMs: Math.min(settings.pollMs, 2000),
      patience: REPLACE_AFTER_LOOKS,
      maxFeePerGas: parseUnits(settings.maxFeeGwei.toFixed(9), "gwei"),
      delay: async (milliseconds, stop) => {
        await sleep(milliseconds, undefined, { signal: stop });
      },
      signal,
      onOutcome: (outcome) => {
        this.#metrics.transactions.inc({ outcome });
      },
    });
  }

  #roles(submitter: Submitter, signal: AbortSignal): Role[] {
    const { settings, wallet, log } = this.#parts;
    const executor = new Executor(
      this.#contracts,
      this.#store,
      this.#fetcher,
      this.#models,
      settings.limits,
      this.#metrics,
    );
    const context: RoleContext = {
      contracts: this.#contracts,
      journal: this.#journal,
      submitter,
      executor,
      tracer: new Tracer(this.#models, this.#courtModels, executor, this.#startRuntime, signal),
      provider: settings.provider,
      operator: wallet.address,
      metrics: this.#metrics,
      signal,
      log,
    };
    const { concurrency } = settings;
    const roles: Role[] = [];
    if (settings.roles.includes("serve")) {
      // What has to be shown in time comes first.
      roles.push(new Defend(context), new AnswerAudits(context), new Serve(context, concurrency));
      roles.push(new Settle(context, settings.collectEverySeconds));
    }
    if (settings.roles.includes("juror")) roles.push(new Juror(context, settings.models));
    if (settings.roles.includes("audit")) {
      const desk = new AuditDesk(this.#contracts, settings.provider);
      roles.push(
        new CloseAudits(context),
        new BuyTickets(context, desk, settings.audit),
        new RecordSeeds(context, desk),
      );
      roles.push(new TakeAudits(context, desk, { chainId: BigInt(settings.chainId), concurrency }));
      // The operator's signature over a fixed text: secret, and the same after a restart.
      const secret = wallet.signingKey.sign(`0x${"61".repeat(32)}`).serialized;
      roles.push(new SpotCheck(context, { ...settings.audit, concurrency, secret }), new Prosecute(context));
    }
    roles.push(new Resolve(context, { everyCase: settings.roles.some((role) => role !== "serve") }));
    return roles;
  }

  async #stop(): Promise<void> {
    const { settings, log } = this.#parts;
    const stopped = Promise.allSettled([
      this.#server.stop(),
      this.#metricsServer?.stop(),
      this.#fetcher.stop(),
      this.#models.stop(),
      this.#checker.stop(),
      this.#sweep,
    ]);
    await Promise.race([stopped, sleep(settings.shutdownMs, undefined, { ref: false })]);
    this.#provider.destroy();
    this.#store.close();
    this.#journal.close();
    log.info("stopped");
  }
}
