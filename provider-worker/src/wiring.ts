import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import type { AssayContracts, Deployment } from "@assay/sdk";
import { connect } from "@assay/sdk";
import type { JsonRpcProvider, Wallet } from "ethers";
import { parseUnits } from "ethers";
import type { Logger } from "pino";

import { decodeEvent, followedEvents } from "./chain/events.js";
import { LogReader } from "./chain/logReader.js";
import { requireChain } from "./chain/requireChain.js";
import { rpcProvider } from "./chain/rpc.js";
import { Submitter } from "./chain/submitter.js";
import { Checker } from "./content/checker.js";
import { Fetcher } from "./content/fetcher.js";
import { ContentServer } from "./content/server.js";
import { LEAST_BYTES } from "./content/shelf.js";
import { SignedResults } from "./content/signedResults.js";
import { ContentStore } from "./content/store.js";
import { Committer } from "./court/commit.js";
import { CourtModels } from "./court/courtModels.js";
import { Tracer } from "./court/courtRuns.js";
import { ThreadJudge } from "./court/judge.js";
import { readGraph } from "./court/readGraph.js";
import type { RuntimeLimits, StartRuntime } from "./court/runtime.js";
import { ChildRuntime } from "./court/runtime.js";
import { TraceCosts } from "./court/traceCosts.js";
import { traceFileIn } from "./court/traceFile.js";
import { sideBySide, TraceSessions, tracesAtOnce } from "./court/traceSessions.js";
import type { RunnerLimits } from "./inference/runner.js";
import { Executor } from "./jobs/executor.js";
import { Gate } from "./jobs/gate.js";
import { Journal } from "./jobs/journal.js";
import { Needs } from "./jobs/needs.js";
import { Metrics, MetricsServer } from "./metrics.js";
import type { StartRunner } from "./models/modelCache.js";
import { ModelCache } from "./models/modelCache.js";
import type { RoleContext } from "./roles/role.js";
import type { WorkerSettings } from "./settings.js";

const REPLACE_AFTER_LOOKS = 15;
/** Share of the store that one origin may upload at once, and again in each hour. */
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

/** Everything put together. What has to be started, `Worker` starts. */
export class Wiring {
  readonly #parts: WorkerParts;
  /** Copies of models while they are worked on. */
  readonly scratch: string;
  readonly provider: JsonRpcProvider;
  readonly #contracts: AssayContracts;
  readonly journal: Journal;
  readonly fetcher: Fetcher;
  readonly #startRuntime: StartRuntime;
  readonly #judge = new ThreadJudge();
  readonly #courtModels: CourtModels;
  readonly models: ModelCache;
  readonly checker = new Checker();
  readonly store: ContentStore;
  readonly #needs: Needs;
  readonly server: ContentServer;
  readonly reader: LogReader;
  readonly metrics = new Metrics();
  /** Undefined if the settings name no port. */
  readonly metricsServer: MetricsServer | undefined;

  constructor(parts: WorkerParts) {
    const { settings, deployment } = parts;
    this.#parts = parts;
    this.scratch = path.join(settings.dataDir, "scratch");
    this.provider = rpcProvider(settings.rpcUrl, settings.chainId);
    this.#contracts = connect(deployment, this.provider);
    this.journal = new Journal(path.join(settings.dataDir, "journal.sqlite"));
    const shelves = {
      tensors: { maxBytes: settings.limits.storeBytes, needed: () => this.#needs.tensors() },
      files: { maxBytes: settings.limits.fileBytes, needed: () => this.#needs.files() },
    };
    this.store = new ContentStore(path.join(settings.dataDir, "content"), shelves, this.checker);
    this.fetcher = new Fetcher(settings.fetch);
    const limits: RunnerLimits = { timeoutMs: settings.limits.inferenceMs, memoryMb: settings.limits.inferenceMb };
    const runtimeLimits: RuntimeLimits = { ...limits, scratch: this.scratch };
    const graphLimits = { ...runtimeLimits, timeoutMs: settings.limits.loadMs };
    this.#startRuntime = parts.startRuntime ?? ((stop) => new ChildRuntime(runtimeLimits, stop));
    this.#courtModels = new CourtModels(
      this.#contracts,
      (file, sums, signal) => readGraph(file, sums, graphLimits, signal),
      this.#startRuntime,
      this.#judge,
      settings.limits.courtBytes,
    );
    this.models = new ModelCache(
      this.#contracts,
      this.store,
      this.fetcher,
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
    const results = new SignedResults(this.journal, parts.wallet, domain);
    this.server = new ContentServer(this.store, {
      ...settings.content,
      maxUploadBytes: settings.limits.inputBytes,
      uploadBytesPerHour: Math.max(
        UPLOAD_SHARE * settings.limits.storeBytes,
        2 * (settings.limits.inputBytes + LEAST_BYTES),
      ),
      onRefused: (status) => {
        this.metrics.refusedUploads.inc({ status });
      },
      resultOf: (job) => results.of(job),
    });
    if (settings.metrics.port !== 0) this.metricsServer = new MetricsServer(this.metrics.registry, settings.metrics);
    this.reader = new LogReader(this.provider, this.journal, {
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
      requireChain: () => this.requireChain(),
    });
    this.#needs = new Needs({
      contracts: this.#contracts,
      journal: this.journal,
      models: this.models,
      provider: settings.provider,
      operator: parts.wallet.address,
      named: [...settings.models, ...settings.audit.models],
      prosecutes: settings.roles.includes("audit"),
      // A node may say that it is later than it is.
      readUntil: () => Math.min(this.reader.readUntil, Date.now() / 1000),
    });
  }

  requireChain(): Promise<void> {
    return requireChain(this.provider, this.journal, this.#parts);
  }

  submitter(signal: AbortSignal): Submitter {
    const { settings, wallet } = this.#parts;
    return new Submitter(wallet, this.provider, BigInt(settings.chainId), this.journal, {
      pollMs: Math.min(settings.pollMs, 2000),
      patience: REPLACE_AFTER_LOOKS,
      maxFeePerGas: parseUnits(settings.maxFeeGwei.toFixed(9), "gwei"),
      delay: async (milliseconds, stop) => {
        await sleep(milliseconds, undefined, { signal: stop });
      },
      signal,
      onOutcome: (outcome) => {
        this.metrics.transactions.inc({ outcome });
      },
    });
  }

  roleContext(submitter: Submitter, signal: AbortSignal): RoleContext {
    const { settings, wallet, log } = this.#parts;
    const executor = new Executor(
      this.#contracts,
      this.store,
      this.fetcher,
      this.models,
      settings.limits,
      this.metrics,
    );
    return {
      contracts: this.#contracts,
      journal: this.journal,
      submitter,
      executor,
      tracer: this.#tracer(executor, signal),
      judge: this.#judge,
      traceFile: traceFileIn(settings),
      keptRunBytes: settings.limits.courtBytes,
      readUntil: () => this.reader.readUntil,
      provider: settings.provider,
      operator: wallet.address,
      metrics: this.metrics,
      signal,
      log,
    };
  }

  #tracer(executor: Executor, signal: AbortSignal): Tracer {
    const { limits } = this.#parts.settings;
    const atOnce = limits.traces ?? tracesAtOnce(limits.inferenceMb);
    return new Tracer({
      models: this.models,
      courtModels: this.#courtModels,
      executor,
      sessions: new TraceSessions(this.#startRuntime, atOnce, signal),
      committer: new Committer(signal),
      gate: new Gate(atOnce),
      costs: new TraceCosts(sideBySide(atOnce), limits.inferenceMs / 1000),
      signal,
    });
  }
}
